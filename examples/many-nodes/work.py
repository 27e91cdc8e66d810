"""What workers do."""

import redis

CHANNEL = "news"


def multiply(port, one, other):
    """A job that says what it has done to all who listen, at the node where its worker is."""
    result = one * other
    with redis.Redis(port=port) as client:
        client.publish(CHANNEL, f"{one} x {other} = {result}")
    return result
