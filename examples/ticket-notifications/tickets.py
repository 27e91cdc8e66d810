"""What the box office and the departments agree on: where the server is, the channels, and what is said on them."""

import json
import os
import sys
from dataclasses import asdict, dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

PURCHASES = "tickets:purchases"
CLOSING = "tickets:closing"


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


@dataclass(frozen=True)
class Purchase:
    number: int
    show: str
    seats: int
    email: str
    phone: str

    def to_json(self):
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text):
        """Raises ValueError when the text is no purchase."""
        try:
            return Purchase(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from error
