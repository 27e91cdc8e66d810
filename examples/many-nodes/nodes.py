"""An engine and nodes that it joins as processes of this one, all on 127.0.0.1 and gone when it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# Seconds after which whoever waits for something gives up.
DEADLINE = 20

BUILT = Path(__file__).resolve().parents[2] / "target" / "release" / "pregon"


def program(variable, names, advice):
    """The path of a program; ends this one with one line where there is none."""
    names = [os.environ[variable]] if variable in os.environ else names
    # Debian keeps servers where only the administrator looks for them.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    found = [where for where in (shutil.which(name, path=path) for name in names) if where]
    if not found:
        sys.exit(f"There is no {' and no '.join(names)}: {advice}, or name one in {variable}.")
    return found[0]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(what, is_so):
    """Asks again until the answer is yes."""
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for this: {what}")
        time.sleep(0.02)


class Server:
    """A process, ended when its deployment is."""

    def __init__(self, name, command, folder):
        self.name, self.command, self.log = name, command, folder / f"{name}.log"
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def expect_running(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.name} has ended:\n{self.log.read_text()}")

    def die(self):
        """At once, as a machine does that loses power."""
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.die()


class Nats(Server):
    """What joins nodes."""

    def __init__(self, folder):
        path = program("NATS_SERVER", ["nats-server"], "install it (`apt install nats-server`)")
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        super().__init__("nats-server", [path, "--addr", "127.0.0.1", "--port", str(self.port)], folder)


class Redis(Server):
    """What joins nodes, and has the keys."""

    def __init__(self, folder):
        path = program("REDIS_SERVER", ["redis-server"], "install it (`apt install redis-server`)")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        super().__init__("redis-server", [path, *options], folder)


class Node(Server):
    """One Pregon of several."""

    def __init__(self, name, pregon, engine, options, folder):
        self.port, self.engine = free_port(), engine
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--backplane", engine.url, "--backplane-id", name]
        super().__init__(name, [pregon, *place, *options], folder)

    def connect(self):
        """A client of it, which says at once when it is gone."""
        retry = Retry(NoBackoff(), 0)
        return redis.Redis(host="127.0.0.1", port=self.port, decode_responses=True, retry=retry)

    def sees(self, names):
        """Whether these nodes are there, as it knows."""
        self.expect_running()
        try:
            with self.connect() as client:
                nodes = client.execute_command("PREGON", "NODES")
        except redis.ConnectionError:
            return False
        fields = [node.items() if isinstance(node, dict) else zip(node[::2], node[1::2]) for node in nodes]
        return sorted(dict(node)["id"] for node in fields) == sorted(names)


class Deployment:
    """An engine and a node for each name, with these options, which know each other."""

    def __init__(self, names, engine=Nats, options=()):
        self.names, self.engine, self.options, self.cleanup = names, engine, options, ExitStack()

    def __enter__(self):
        # Whoever ends this program ends what it has started, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        with self.cleanup:
            folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="many-nodes-")))
            engine = self.engine(folder)
            pregon = program("PREGON", [str(BUILT), "pregon"], "build it with `cargo build --release`")
            self.run(engine)
            nodes = {name: self.run(Node(name, pregon, engine, self.options, folder)) for name in self.names}
            for node in nodes.values():
                self.expect_joined(node)
            # All runs: from here on it ends with the deployment, not with this function.
            self.cleanup = self.cleanup.pop_all()
            return nodes

    def run(self, server):
        server.start()
        self.cleanup.callback(server.end)
        return server

    def expect_joined(self, node):
        until(f"{node.name} knows the others", lambda: node.sees(self.names))

    def __exit__(self, *_):
        self.cleanup.close()
