"""What everybody agrees on: where the server is, and the events, a channel for each kind."""

import json
import os
import signal
import sys
from threading import Event

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

PREFIX = "events:"


def expect_server():
    """Ends the program with one line when there is no server."""
    try:
        with redis.Redis.from_url(URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{error} Start a server there with `cargo run --release`, or name another one in REDIS_URL.")


def connect():
    expect_server()
    return redis.Redis.from_url(URL, decode_responses=True)


def publish(client, kind, content):
    """Tells everybody who listens that something has happened; returns how many that are."""
    return client.publish(PREFIX + kind, json.dumps(content, ensure_ascii=False))


def consume(name, pattern, consumer):
    """Gives each event to `consumer(kind, content)` until Ctrl-C or SIGTERM."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with connect() as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.psubscribe(PREFIX + pattern)
        # The server answers in order: with this it has subscribed.
        subscriber.ping()
        print(f"{name} ready", flush=True)
        while not ended.is_set():
            heard = subscriber.get_message(timeout=1)
            if heard and heard["type"] == "pmessage":
                consumer(heard["channel"].removeprefix(PREFIX), json.loads(heard["data"]))
