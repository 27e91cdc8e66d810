"""Two caches of two levels, memory and server, that differ in how an instance learns what to forget."""

import os
import sys
from threading import Event, Thread

import redis
from memory import Memory
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

# How long a value stays on the server, and how long an instance believes its memory at most, whatever got lost.
SECONDS = 300
MEMORY_SECONDS = 60


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


class TwoLevelCache:
    """What both have in common. Tells `forgot` the key that was forgotten, or None for all of them."""

    def __init__(self, client, listener, channel, forgot):
        self._client = client
        self._listener = listener
        self._channel = channel
        self._forgot = forgot
        self._memory = Memory(MEMORY_SECONDS)
        self._listening = Event()
        Thread(target=self._listen, daemon=True).start()
        self._listening.wait()

    def get(self, key):
        """The value, None if there is none, and where it comes from."""
        value = self._memory.get(key)
        if value is not None:
            return value, "memory"
        return self._memory.load(key, self._client.get), "the server"

    def set(self, key, value, seconds=SECONDS):
        self._client.setex(key, seconds, value)
        self._memory.forget(key)

    def _listen(self):
        with self._listener.pubsub() as subscriber:
            subscriber.subscribe(self._channel)
            while True:
                # Between the waits it looks after the connection.
                event = subscriber.get_message(timeout=1)
                if event is None:
                    continue
                if event["type"] == "subscribe":
                    self._begin()
                elif event["data"] is None:
                    self._forget_all()
                else:
                    self._hear(event["data"])

    def _begin(self):
        """Called when the instance begins to listen, for the first time or after its connection was lost."""
        if self._listening.is_set():
            # Nobody knows what was missed.
            self._forget_all()
        self._listening.set()

    def _hear(self, data):
        raise NotImplementedError

    def _forget(self, key):
        if self._memory.forget(key):
            self._forgot(key)

    def _forget_all(self):
        self._memory.forget_all()
        self._forgot(None)


class AnnouncedCache(TwoLevelCache):
    """Whoever writes a key publishes its name, and everybody forgets it."""

    def __init__(self, forgot):
        super().__init__(connect(), connect_for_good(), "cache:changed", forgot)

    def set(self, key, value, seconds=SECONDS):
        super().set(key, value, seconds)
        self._client.publish(self._channel, key)

    def _hear(self, data):
        self._forget(data)


class TrackedCache(TwoLevelCache):
    """The server remembers who has read what (CLIENT TRACKING), and tells them when that changes or expires.

    What it has to tell the connections that read is redirected to the one that listens.
    """

    def __init__(self, forgot):
        self._listener_id = None
        # In this version of the protocol what is redirected comes as a message on a channel.
        listener = connect_for_good(protocol=2, redis_connect_func=self._note_listener)
        client = connect(protocol=2, redis_connect_func=self._track)
        super().__init__(client, listener, "__redis__:invalidate", forgot)

    def _note_listener(self, connection):
        connection.on_connect()
        connection.send_command("CLIENT", "ID")
        self._listener_id = connection.read_response()

    def _track(self, connection):
        connection.on_connect()
        connection.send_command("CLIENT", "TRACKING", "ON", "REDIRECT", self._listener_id)
        try:
            connection.read_response()
        except redis.ResponseError as error:
            # The client tries again, and the listener is on its way back meanwhile.
            raise redis.ConnectionError(f"not tracked: {error}") from error

    def _begin(self):
        # Connections that told a listener before this one are made anew when they are used next.
        self._client.connection_pool.disconnect()
        super()._begin()

    def _hear(self, data):
        for key in data:
            self._forget(key)
