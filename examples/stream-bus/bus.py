"""What everybody agrees on: where the server is, and how entries look."""

import os
import sys

import redis
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

# How long a read waits for entries, in milliseconds, before it looks whether anybody still wants them.
PATIENCE_MS = 1000


def expect_server():
    """Ends the program with one line when there is no server."""
    try:
        with redis.Redis.from_url(URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as client:
            client.ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{error} Start a server there with `cargo run --release`, or name another one in REDIS_URL.")


def connect():
    return Redis.from_url(URL, decode_responses=True)


async def last_id(redis, stream):
    """The id after which entries are new; `0-0` for a stream that does not exist."""
    newest = await redis.xrevrange(stream, count=1)
    return newest[0][0] if newest else "0-0"


def items(answer):
    """The streams and their entries in the answer of a read, in either version of the protocol."""
    answer = answer or []
    return answer.items() if isinstance(answer, dict) else answer


def entries(answer):
    """The entries in the answer of a read of one stream."""
    return [entry for _, batch in items(answer) for entry in flat(batch)]


def flat(batch):
    """Entries come as they are, or in one more list."""
    return batch[0] if batch and isinstance(batch[0], list) else batch
