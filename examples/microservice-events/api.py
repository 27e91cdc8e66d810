"""The API of a blog: POST /posts publishes the event `blogpost`, and does not know who listens."""

import asyncio
import os
import socket

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from redis.asyncio import Redis

from events import URL, expect_server, publish


class Post(BaseModel):
    author: str
    title: str


app = FastAPI()
redis = Redis.from_url(URL)


@app.post("/posts", status_code=201)
async def create(post: Post):
    """Keeping the post is left to the reader; telling of it is not."""
    return {"listeners": await publish(redis, "blogpost", post.model_dump())}


def main():
    expect_server()
    listening = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    print(f"api ready at http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
