"""The publisher: sells what is typed, a line like `ana@example.com +34600111222 2 Carmen` for each purchase.

It does not know who listens. It closes at the end of its input.
"""

import sys

from tickets import CLOSING, PURCHASES, Purchase, connect


class BoxOffice:
    def __init__(self, client):
        self._client = client
        self._sold = 0

    def sell(self, email, phone, seats, show):
        """Announces a purchase and returns it, with the number of departments that listened."""
        self._sold += 1
        purchase = Purchase(self._sold, show, int(seats), email, phone)
        return purchase, self._client.publish(PURCHASES, purchase.to_json())

    def close(self):
        self._client.publish(CLOSING, f"{self._sold} sold")


def main():
    with connect() as client:
        office = BoxOffice(client)
        for line in sys.stdin:
            try:
                email, phone, seats, show = line.split(maxsplit=3)
                purchase, listeners = office.sell(email, phone, seats, show.strip())
            except ValueError:
                print("box office: tell me e-mail, phone, seats and show")
            else:
                print(f"box office: sold #{purchase.number}, {purchase.seats} x {purchase.show}; {listeners} listened")
        office.close()


if __name__ == "__main__":
    main()
