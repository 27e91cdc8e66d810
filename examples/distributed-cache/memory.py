"""The first level of the cache: a dictionary in the memory of one instance, which all its threads share."""

from dataclasses import dataclass
from threading import Lock
from time import monotonic


@dataclass(eq=False)
class Entry:
    """A value and when it is not believed any more; without a value while that is being fetched."""

    value: str | None = None
    until: float = 0


class Memory:
    def __init__(self, seconds, capacity=10_000):
        self._seconds = seconds
        self._capacity = capacity
        self._lock = Lock()
        self._entries = {}

    def get(self, key):
        with self._lock:
            entry = self._entries.get(key)
            return entry.value if entry and monotonic() < entry.until else None

    def load(self, key, fetch):
        """Returns `fetch(key)` and keeps it, unless it was to be forgotten meanwhile: it may be out of date then."""
        fetching = Entry()
        with self._lock:
            self._entries[key] = fetching
        value = fetch(key)
        with self._lock:
            if self._entries.get(key) is fetching:
                del self._entries[key]
                if value is not None:
                    self._keep(key, Entry(value, monotonic() + self._seconds))
        return value

    def forget(self, key):
        """Whether there was something to forget."""
        with self._lock:
            entry = self._entries.pop(key, None)
            return entry is not None and entry.value is not None

    def forget_all(self):
        with self._lock:
            self._entries.clear()

    def _keep(self, key, entry):
        while len(self._entries) >= self._capacity:
            # Dictionaries keep the order in which keys were added.
            del self._entries[next(iter(self._entries))]
        self._entries[key] = entry
