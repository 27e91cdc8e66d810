"""redis-py's clients that know of clusters."""

import asyncio
import inspect
import time

from harness import DEADLINE, HOST, PORT, TLS, ask, case, main
from redis import Redis
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.cluster import RedisCluster
from redis.exceptions import MovedError, RedisClusterException

KEYS = [f"key:{n}" for n in range(300)]


def connect():
    return RedisCluster(host=HOST, port=PORT)


def other_port(client):
    """That of a node which the client was not told."""
    return next(node.port for node in client.get_primaries() if node.port != PORT)


def next_event(receive):
    """The next message or confirmation; redis-py looks at one of several connections at a time."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        event = receive(timeout=0.01)
        if event is not None:
            return event["type"], event["channel"], event["data"]
    raise AssertionError("no message in time")


@case
def redis_py_finds_all_nodes_by_one_and_each_key_at_its_own():
    client = connect()
    nodes = client.get_primaries()
    assert len(nodes) == 3, nodes
    for key in KEYS:
        assert client.set(key, "of " + key)
    assert all(client.get(key) == f"of {key}".encode() for key in KEYS)
    counts = [client.dbsize(target_nodes=node) for node in nodes]
    assert sum(counts) == len(KEYS) and all(50 < count < 150 for count in counts), counts
    pipeline = client.pipeline()
    for key in KEYS:
        pipeline.append(key, "!").get(key)
    assert pipeline.execute()[1::2] == [f"of {key}!".encode() for key in KEYS]
    assert client.mset_nonatomic({"a": 1, "b": 2, "c": 3})
    assert client.mget_nonatomic("a", "b", "c") == [b"1", b"2", b"3"]
    with client.pipeline(transaction=True) as transaction:
        transaction.incr("{seat}:1").incr("{seat}:1")
        assert transaction.execute() == [1, 2]
    try:
        client.mset({"a": 1, "b": 2})
    except RedisClusterException as refusal:
        assert "slot" in str(refusal), refusal
    else:
        raise AssertionError("keys of two slots in one command")
    assert client.eval("return redis.call('GET', KEYS[1])", 1, "a") == b"1"
    assert client.delete(*KEYS) == len(KEYS)


@case
def redis_py_publishes_at_any_node_and_hears_at_another():
    client = connect()
    subscriber = client.pubsub()
    subscriber.subscribe("news")
    subscriber.psubscribe("w*")
    assert [next_event(subscriber.get_message)[0] for _ in range(2)] == ["subscribe", "psubscribe"]
    for node in client.get_primaries():
        client.execute_command("PUBLISH", "news", node.name, target_nodes=node)
        assert next_event(subscriber.get_message) == ("message", b"news", node.name.encode())
        client.execute_command("PUBLISH", "weather", node.name, target_nodes=node)
        assert next_event(subscriber.get_message) == ("pmessage", b"weather", node.name.encode())
    for name in (f"orders:{n}" for n in range(9)):
        subscriber.ssubscribe(name)
        assert next_event(subscriber.get_sharded_message)[0] == "ssubscribe"
        assert client.spublish(name, "sharded") == 1
        assert next_event(subscriber.get_sharded_message) == ("smessage", name.encode(), b"sharded")


@case
def redis_py_goes_on_when_a_node_leaves():
    client = connect()
    for key in KEYS:
        client.set(key, "before")
    ask(f"end {other_port(client)}")
    for key in KEYS:
        assert client.set(key, "after")
    assert all(client.get(key) == b"after" for key in KEYS)
    assert len(client.get_primaries()) == 2


@case
def redis_py_finds_all_nodes_over_tls():
    client = RedisCluster(host=HOST, port=PORT, **TLS)
    ports = {node.port for node in client.get_primaries()}
    assert len(ports) == 3 and PORT in ports, ports
    for key in KEYS:
        assert client.set(key, "of " + key)
    assert all(client.get(key) == f"of {key}".encode() for key in KEYS)
    # A client that is told of one node alone is sent on to the ports at which it can speak with the others.
    single = Redis(host=HOST, port=PORT, **TLS)
    told = set()
    for key in KEYS:
        try:
            single.get(key)
        except MovedError as moved:
            told.add(moved.port)
    assert told == ports - {PORT}, (told, ports)
    shown = [node for shard in single.execute_command("CLUSTER SHARDS") for node in shard[b"nodes"]]
    tls_ports = {node[b"tls-port"] for node in shown}
    assert tls_ports == ports, tls_ports


@case
async def redis_py_asyncio_finds_all_nodes_by_one_and_each_key_at_its_own():
    async with AsyncRedisCluster(host=HOST, port=PORT) as client:
        for key in KEYS:
            assert await client.set(key, "of " + key)
        assert len(client.get_primaries()) == 3
        some = KEYS[:50]
        assert await asyncio.gather(*[client.get(key) for key in some]) == [f"of {key}".encode() for key in some]
        pipeline = client.pipeline()
        for key in KEYS:
            pipeline.strlen(key)
        assert await pipeline.execute() == [len("of " + key) for key in KEYS]


@case
async def redis_py_asyncio_goes_on_when_a_node_leaves():
    async with AsyncRedisCluster(host=HOST, port=PORT) as client:
        for key in KEYS:
            assert await client.set(key, "before")
        ask(f"end {other_port(client)}")
        for key in KEYS:
            assert await client.set(key, "after")
        for key in KEYS:
            assert await client.get(key) == b"after"
        assert len(client.get_primaries()) == 2


main(lambda function: asyncio.run(function()) if inspect.iscoroutinefunction(function) else function())
