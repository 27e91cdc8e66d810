"""A subscriber that comes back when its connection is lost: `python resilient.py weather traffic`.

redis-py connects and subscribes again by itself. What was said meanwhile is gone: this is fire and forget.
"""

import sys
from contextlib import suppress

from server import connect_for_good, expect_server, publish

NAME = "tour-resilient"


def events(*channels):
    """Yields (channel, message) for ever, and (channel, None) whenever it begins to listen to a channel."""
    with connect_for_good(client_name=NAME) as client, client.pubsub() as subscriber:
        subscriber.subscribe(*channels)
        while True:
            # Between the waits it looks after the connection.
            if event := subscriber.get_message(timeout=1):
                yield event["channel"], event["data"] if event["type"] == "message" else None


def show(channel, message):
    print(f"listening to {channel}" if message is None else f"{channel}: {message}", flush=True)


def reconnecting(client):
    weather = events("weather")
    show(*next(weather))
    publish(client, "weather", "sunny")
    show(*next(weather))
    kill(client, NAME)
    show(*next(weather))
    publish(client, "weather", "cloudy")
    show(*next(weather))
    weather.close()


def kill(client, name):
    """Closes the subscriber's connection, as an operator can."""
    [target] = [peer for peer in client.client_list(_type="pubsub") if peer["name"] == name]
    print("CLIENT KILL ->", client.client_kill_filter(_id=target["id"]))


if __name__ == "__main__":
    expect_server()
    with suppress(KeyboardInterrupt):
        for event in events(*sys.argv[1:]):
            show(*event)
