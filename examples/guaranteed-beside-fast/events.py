"""What everybody agrees on: where the server is, the channel, and the stream that keeps what is said on it."""

import os
import signal
import sys
from threading import Event

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

CHANNEL = "orders:events"
STREAM = "orders:log"

# About how many events the stream keeps for those who are away.
KEPT = 10_000


def expect_server():
    """Ends the program with one line when there is no server."""
    try:
        with redis.Redis.from_url(URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{error} Start a server there with `cargo run --release`, or name another one in REDIS_URL.")


def connect():
    """A client that tries for ever to come back, after pauses of up to a second, and notices a peer that is gone."""
    expect_server()
    forever = Retry(ExponentialBackoff(cap=1, base=0.05), retries=-1)
    return redis.Redis.from_url(URL, decode_responses=True, retry=forever, health_check_interval=5)


def publish(client, event):
    """Puts the event on the stream and on the channel, on both or on neither; returns how many listened."""
    with client.pipeline(transaction=True) as transaction:
        transaction.xadd(STREAM, {"event": event}, maxlen=KEPT, approximate=True)
        transaction.publish(CHANNEL, event)
        _, listeners = transaction.execute()
    return listeners


def listen(client):
    """Yields each event that is said while it listens; and None whenever it begins to, so may have missed some.

    Ctrl-C or SIGTERM ends it within a second, but not while the caller deals with an event.
    """
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with client.pubsub() as subscriber:
        subscriber.subscribe(CHANNEL)
        while not ended.is_set():
            if heard := subscriber.get_message(timeout=1):
                yield heard["data"] if heard["type"] == "message" else None
