"""Sends each line that is typed: `python sender.py ana bea` writes as Ana to Bea, whether she is there or not."""

import sys

from chat import Message, connect, inbox


def send(client, sender, receiver, text):
    """Returns how many messages are in the receiver's queue, this one included."""
    return client.lpush(inbox(receiver), Message(sender, text).to_json())


def main(sender, receiver):
    with connect() as client:
        for line in sys.stdin:
            if text := line.strip():
                waiting = send(client, sender, receiver, text)
                print(f"{sender} to {receiver}: {text} ({waiting} in the queue)", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: sender.py FROM TO")
    main(*sys.argv[1:])
