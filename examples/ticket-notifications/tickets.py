"""What the box office and the departments agree on: where the server is, the channels, and what is said on them."""

import json
import os
from dataclasses import asdict, dataclass

import redis

PURCHASES = "tickets:purchases"
CLOSING = "tickets:closing"


def connect():
    return redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)


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
