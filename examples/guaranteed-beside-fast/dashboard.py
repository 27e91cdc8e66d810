"""Fast: shows what is said on the channel, as it is said. What was said while it was away it never learns."""

from events import connect, listen


def main():
    with connect() as client:
        for event in listen(client):
            print("dashboard: " + ("ready" if event is None else event), flush=True)


if __name__ == "__main__":
    main()
