"""One event, three consumers, and redis-cli monitor beside them."""

import json
import os
import shlex
import sys
from subprocess import PIPE, Popen
from urllib.request import Request, urlopen

from events import URL, expect_server

MONITOR = [*shlex.split(os.environ.get("REDIS_CLI", "redis-cli")), "-u", URL, "monitor"]
POSTS = [("ana", "Pub/sub, heard by whoever is there"), ("bea", "Ñandúes y pregones")]


def start(*command):
    return Popen(command, stdout=PIPE, text=True)


def line(part):
    return part.stdout.readline().strip()


def main():
    expect_server()
    api, relay = start(sys.executable, "api.py"), start("node", "relay.mjs")
    reader = start("node", "reader.mjs", line(relay).split()[-1])
    consumers = [start(sys.executable, "logger.py"), start(sys.executable, "mailer.py"), reader]
    for consumer in consumers:
        print(line(consumer))
    address = line(api).split()[-1]
    monitor = start(*MONITOR)
    # "OK"; what follows is shown as it is executed.
    line(monitor)
    for author, title in POSTS:
        post = Request(f"{address}/posts", json.dumps({"author": author, "title": title}).encode())
        post.add_header("content-type", "application/json")
        listeners = json.load(urlopen(post))["listeners"]
        print(f"{author} posts, {listeners} listen")
        for consumer in consumers:
            print(line(consumer))
        print(f"monitor: {published(monitor)}")
    for part in [monitor, *consumers, relay, api]:
        part.terminate()
        part.wait()


def published(monitor):
    """The next PUBLISH that is executed, without when and by whom: connections introduce themselves as well."""
    while True:
        request = line(monitor).partition("] ")[2]
        if request.startswith('"PUBLISH"'):
            return request


if __name__ == "__main__":
    main()
