"""What senders and receivers agree on: where the server is, a queue for each person, and what a message looks like."""

import json
import os
from dataclasses import asdict, dataclass

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6380")


def connect():
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
