"""A subscriber that reacts to purchases in its own way: `python department.py email`, `sms` or `audit`.

It hears what is said while it listens, nothing of what was said before, and goes home when the box office closes.
"""

import sys

from tickets import CLOSING, PURCHASES, Purchase, connect


def email(purchase):
    return f"mail to {purchase.email}: here are your {purchase.seats} seats for {purchase.show}"


def sms(purchase):
    return f"message to {purchase.phone}: see you at {purchase.show}"


def audit(purchase):
    return f"purchase #{purchase.number} of {purchase.seats} seats noted"


REACTIONS = {reaction.__name__: reaction for reaction in (email, sms, audit)}


def work(name, react):
    with connect() as client, client.pubsub() as subscriber:
        subscriber.subscribe(PURCHASES, CLOSING)
        for event in subscriber.listen():
            if event["type"] == "subscribe":
                # The server confirms each channel, with the number of channels so far.
                if event["data"] == 2:
                    print(f"{name}: ready", flush=True)
            elif event["channel"] == CLOSING:
                print(f"{name}: going home, {event['data']}", flush=True)
                return
            else:
                print(f"{name}: {answer(react, event['data'])}", flush=True)


def answer(react, text):
    """What the department says. Anybody may publish anything, so a message that is no purchase must not stop it."""
    try:
        return react(Purchase.from_json(text))
    except ValueError as error:
        return f"ignored what is no purchase ({error})"


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in REACTIONS]:
        sys.exit(f"usage: department.py {'|'.join(REACTIONS)}")
    work(sys.argv[1], REACTIONS[sys.argv[1]])
