"""Shows what is sent to somebody, the oldest first: `python receiver.py bea`. Ctrl-C ends it.

It waits for a second at a time, so that it notices soon when it has to end, and never while it holds a message.
"""

import signal
import sys
from threading import Event

from chat import Message, connect, inbox

PATIENCE = 1


def receive(client, name, ended):
    """Yields the messages for this person until `ended` is set."""
    while not ended.is_set():
        if taken := client.brpop(inbox(name), timeout=PATIENCE):
            _, text = taken
            try:
                yield Message.from_json(text)
            except ValueError as error:
                print(f"{name}: this was no message ({error}): {text}", file=sys.stderr)


def main(name):
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with connect() as client:
        print(f"{name}: ready", flush=True)
        for message in receive(client, name, ended):
            print(f"{name} hears {message.sender}: {message.text}", flush=True)
    print(f"{name}: bye", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: receiver.py NAME")
    main(sys.argv[1])
