"""One of a group that shares the work: worker.py STREAM NAME [--idle MS] [--dies]

Each entry goes to one worker, which acknowledges it when it is done. Work that another worker has left lying for `--idle`
milliseconds is taken over. With `--dies` this one takes an entry and ends without doing it.
"""

import argparse
import asyncio
import contextlib
import signal

from redis.exceptions import ResponseError

from bus import PATIENCE_MS, connect, entries, expect_server

GROUP = "workers"


async def work(redis, stream, name, idle_ms, dies, ended):
    with contextlib.suppress(ResponseError):
        # The first worker makes the group; the others are told that it exists.
        await redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
    print(f"{name} ready", flush=True)
    while not ended.is_set():
        _, left, _ = await redis.xautoclaim(stream, GROUP, name, min_idle_time=idle_ms, count=1)
        todo = [("takes over", entry) for entry in left]
        if not todo:
            answer = await redis.xreadgroup(GROUP, name, {stream: ">"}, count=1, block=PATIENCE_MS)
            todo = [("works on", entry) for entry in entries(answer)]
        for what, (id, fields) in todo:
            if dies:
                print(f"{name} dies with {fields['text']}", flush=True)
                return
            print(f"{name} {what} {fields['text']}", flush=True)
            await redis.xack(stream, GROUP, id)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stream")
    parser.add_argument("name")
    parser.add_argument("--idle", type=int, default=60_000)
    parser.add_argument("--dies", action="store_true")
    args = parser.parse_args()
    expect_server()
    # Between two entries, so that none is left half done.
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with connect() as redis:
        await work(redis, args.stream, args.name, args.idle, args.dies, ended)


if __name__ == "__main__":
    asyncio.run(main())
