"""Publishes each line that is typed as an event: `order 7 paid`."""

import sys

from events import connect, publish


def main():
    with connect() as client:
        for line in sys.stdin:
            if event := line.strip():
                print(f"publisher: {event}; {publish(client, event)} listened", flush=True)


if __name__ == "__main__":
    main()
