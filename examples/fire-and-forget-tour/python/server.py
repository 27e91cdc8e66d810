"""Connections to the server, and what the stations do with them."""

import os
import sys

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

# Seconds after which a message that should be there does not come any more.
DEADLINE = 10


def expect_server():
    """Ends the program with one line when there is no server."""
    try:
        with redis.Redis.from_url(URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{error} Start a server there with `cargo run --release`, or name another one in REDIS_URL.")


def connect(**options):
    return redis.Redis.from_url(URL, decode_responses=True, **options)


def connect_for_good(**options):
    """A client that tries for ever to come back, after pauses of up to a second, and notices a peer that is gone."""
    forever = Retry(ExponentialBackoff(cap=1, base=0.05), retries=-1)
    return connect(retry=forever, health_check_interval=5, **options)


def confirmed(subscriber, count):
    """Waits for the server's word on so many subscriptions; what is published from then on arrives."""
    for _ in range(count):
        event = next_event(subscriber)
        assert event["type"] not in ("message", "pmessage"), event


def publish(client, channel, message):
    """Publishing returns how many deliveries that meant."""
    print(f"PUBLISH {channel} {message} -> {client.publish(channel, message)}")


def hear(subscriber):
    event = next_event(subscriber)
    by = f" by {event['pattern']}" if event["type"] == "pmessage" else ""
    print(f"  {event['channel']}{by}: {event['data']}")


def next_event(subscriber):
    event = subscriber.get_message(timeout=DEADLINE)
    if event is None:
        raise TimeoutError("nothing came")
    return event
