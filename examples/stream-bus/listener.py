"""A client of the relay: listener.py URL shows what comes, and ends after the message that holds the entry `end`."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def main(url):
    async with connect(url) as websocket:
        await websocket.recv()
        print("listener ready", flush=True)
        async for message in websocket:
            entries = json.loads(message)
            for entry in entries:
                print(f"listener: {entry['text']}", flush=True)
            if any(entry["text"] == "end" for entry in entries):
                return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
