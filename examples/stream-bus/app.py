"""Relays the entries of streams to websockets: /stream/{name}?max_frequency=

Each message is a JSON list of entries. With `max_frequency`, at most so many messages are sent in a second: entries that
come meanwhile are gathered into the next one, so none is lost.
"""

import asyncio
import contextlib
import os
import socket
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query, WebSocket, WebSocketDisconnect

from bus import PATIENCE_MS, connect, entries, expect_server, last_id

# Entries in one message at most.
BATCH = 1000


@asynccontextmanager
async def lifespan(app):
    async with connect() as app.state.redis:
        yield


app = FastAPI(lifespan=lifespan)


@app.websocket("/stream/{name}")
async def stream(websocket: WebSocket, name: str, max_frequency: Annotated[float | None, Query(gt=0)] = None):
    await websocket.accept()
    redis = websocket.app.state.redis
    after = await last_id(redis, name)
    await websocket.send_json({"after": after})
    relay = asyncio.create_task(send_all(websocket, redis, name, after, 1 / max_frequency if max_frequency else 0))
    with contextlib.suppress(WebSocketDisconnect):
        # Nothing is expected; this notices when the other side goes.
        while True:
            await websocket.receive_text()
    relay.cancel()


async def send_all(websocket, redis, name, after, pause):
    """Sends what comes after the entry `after`, with at least `pause` seconds between two messages."""
    while True:
        answer = entries(await redis.xread({name: after}, count=BATCH, block=PATIENCE_MS))
        if answer:
            after = answer[-1][0]
            await websocket.send_json([{"id": id, **fields} for id, fields in answer])
            await asyncio.sleep(pause)


def main():
    expect_server()
    listening = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    print(f"bus ready at ws://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
