"""Guaranteed: books every event in order, also those from while it was away.

The stream holds the events, and the server remembers up to where this ledger has read. The channel only says that there
is something new, which makes the ledger as quick as the dashboard. Events are booked at least once: one whose booking
could not be noted comes again.
"""

from events import STREAM, connect, listen

POSITION = "orders:ledger:position"
BATCH = 100


def unread(client):
    """Yields the events after the ledger's position, and notes each as booked when the next one is asked for."""
    position = client.get(POSITION) or "0-0"
    while entries := client.xrange(STREAM, min=f"({position}", count=BATCH):
        for position, fields in entries:
            yield fields["event"]
            client.set(POSITION, position)


def book(client):
    """Books what is unread and returns how many events that were."""
    booked = 0
    for event in unread(client):
        print(f"ledger: {event}", flush=True)
        booked += 1
    return booked


def main():
    with connect() as client:
        for event in listen(client):
            booked = book(client)
            if event is None:
                print(f"ledger: ready, has missed nothing: {booked} booked", flush=True)


if __name__ == "__main__":
    main()
