"""One instance of an application with a cache: `python instance.py madrid announced`, or `tracked`.

It takes lines like `set price 12`, `set price 12 5` (for five seconds) and `get price`.
"""

import logging
import sys

from caches import AnnouncedCache, TrackedCache, expect_server

KINDS = {"announced": AnnouncedCache, "tracked": TrackedCache}


def main(name, kind):
    expect_server()
    # One handler for the threads of the cache and this one: their lines do not mix.
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO, stream=sys.stdout)
    say = logging.getLogger(name).info
    cache = KINDS[kind](forgot=lambda key: say("forgets %s", key or "everything"))
    say("ready")
    for line in sys.stdin:
        match line.split():
            case ["set", key, value]:
                cache.set(key, value)
                say("sets %s to %s", key, value)
            case ["set", key, value, seconds] if seconds.isdigit():
                cache.set(key, value, int(seconds))
                say("sets %s to %s for %s seconds", key, value, seconds)
            case ["get", key]:
                value, source = cache.get(key)
                say("%s is %s, says %s", key, value or "unknown", source)
            case _:
                say("takes lines like: set price 12, get price")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in KINDS:
        sys.exit(f"usage: instance.py NAME {'|'.join(KINDS)}")
    main(*sys.argv[1:])
