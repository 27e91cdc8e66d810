"""Shows which channels have how many subscribers, whenever that changes: `python monitor.py` or `... 'logs:*'`."""

import sys
import time
from contextlib import suppress

from server import connect_for_good, expect_server

INTERVAL = 0.5


def snapshot(client, pattern):
    counts = sorted(client.pubsub_numsub(*client.pubsub_channels(pattern)))
    channels = ", ".join(f"{channel} {count}" for channel, count in counts) or "no channels"
    return f"{channels}; patterns {client.pubsub_numpat()}"


def monitor(pattern="*"):
    shown = None
    with connect_for_good() as client:
        while True:
            seen = snapshot(client, pattern)
            if seen != shown:
                print(seen, flush=True)
                shown = seen
            time.sleep(INTERVAL)


if __name__ == "__main__":
    expect_server()
    with suppress(KeyboardInterrupt):
        monitor(*sys.argv[1:])
