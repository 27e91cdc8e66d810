"""Entries from redis-cli reach a websocket; and work that a worker has left is taken over by another."""

import os
import shlex
import subprocess
import sys
from subprocess import PIPE, Popen

from bus import URL, expect_server

CLI = [*shlex.split(os.environ.get("REDIS_CLI", "redis-cli")), "-u", URL]


def start(*args):
    return Popen([sys.executable, *args], stdout=PIPE, text=True)


def line(part):
    return part.stdout.readline().strip()


def cli(*args):
    return subprocess.run([*CLI, *args], stdout=PIPE, text=True, check=True).stdout.strip()


def add(stream, text):
    cli("xadd", stream, "*", "text", text)


def relay():
    app = start("app.py")
    listener = start("listener.py", f"{line(app).split()[-1]}/stream/news?max_frequency=100")
    print(line(listener))
    for text in ["¡pregón!", "a second one", "end"]:
        add("news", text)
    for text in listener.stdout:
        print(text, end="")
    listener.wait()
    app.terminate()
    app.wait()


def group():
    dying = start("worker.py", "jobs", "ana", "--dies")
    print(line(dying))
    add("jobs", "job 1")
    print(line(dying))
    dying.wait()
    print(f"pending: {cli('xpending', 'jobs', 'workers').split()[0]}")
    bea = start("worker.py", "jobs", "bea", "--idle", "0")
    print(line(bea))
    print(line(bea))
    add("jobs", "job 2")
    print(line(bea))
    bea.terminate()
    bea.wait()
    print(f"pending: {cli('xpending', 'jobs', 'workers').split()[0]}")


if __name__ == "__main__":
    expect_server()
    relay()
    group()
