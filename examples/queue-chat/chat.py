"""What senders and receivers agree on: where the server is, a queue for each person, and what a message looks like."""

import json
import os
import sys
from dataclasses import asdict, dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6380")


def expect_server():
    """Ends the program with one line when there is no server."""
    try:
        with redis.Redis.from_url(URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{error} Start a server there with `cargo run --release -- --port 6380`, or name another one in REDIS_URL.")


def connect():
    expect_server()
    return redis.Redis.from_url(URL, decode_responses=True)


def inbox(name):
    return f"chat:{name}"


@dataclass(frozen=True)
class Message:
    sender: str
    text: str

    def to_json(self):
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text):
        """Raises ValueError when the text is no message."""
        try:
            return Message(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from error
