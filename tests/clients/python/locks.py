"""Locks that people hold in Redis, most of them scripts: redis-py's own, Redlock as redlock-py and pottery do it."""

import asyncio
import threading
import time

import redis
import redis.asyncio
from harness import DEADLINE, HOST, PORT, case, main
from pottery import AIORedlock, NextID, Redlock
from redis.exceptions import LockError, LockNotOwnedError
from redlock import Redlock as RedlockPy

NAME = "lock:seat"


def connect():
    return redis.Redis(host=HOST, port=PORT)


def until(condition):
    """Asks again until the answer is yes; expiry is what this waits for."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"


def refused(error, function):
    try:
        function()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


@case
def redis_py_gives_a_lock_to_one_and_lets_only_that_one_release_it():
    client = connect()
    owner, other = client.lock(NAME, timeout=10), client.lock(NAME, timeout=10)
    assert owner.acquire(blocking=False)
    assert not other.acquire(blocking=False)
    assert owner.owned() and owner.locked() and not other.owned()
    other.local.token = b"a token that is not in the key"
    refused(LockNotOwnedError, other.release)
    owner.release()
    refused(LockError, owner.release)
    assert not client.exists(NAME)
    with other:
        assert client.exists(NAME)
    assert not client.exists(NAME)


@case
def redis_py_extends_a_lock_that_is_held():
    client = connect()
    lock = client.lock(NAME, timeout=100)
    assert lock.acquire(blocking=False)
    lock.extend(100)
    assert 100_000 < client.pttl(NAME) <= 200_000
    lock.extend(300, replace_ttl=True)
    assert 200_000 < client.pttl(NAME) <= 300_000
    lock.reacquire()
    assert client.pttl(NAME) <= 100_000
    client.delete(NAME)
    refused(LockNotOwnedError, lambda: lock.extend(100))
    refused(LockNotOwnedError, lock.reacquire)


@case
def redis_py_loses_a_lock_that_expires():
    client = connect()
    slow, next_one = client.lock(NAME, timeout=0.02), client.lock(NAME, timeout=10)
    assert slow.acquire(blocking=False)
    assert next_one.acquire(blocking_timeout=DEADLINE)
    refused(LockNotOwnedError, slow.release)
    assert next_one.owned()
    next_one.release()


@case
def redis_py_lets_threads_take_turns():
    """What they count is right only if none comes between another's reading and writing."""
    client = connect()

    def count():
        for _ in range(25):
            with client.lock(NAME, timeout=DEADLINE, sleep=0.001):
                client.set("counter", int(client.get("counter") or 0) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("counter") == b"100"


@case
def redis_py_asyncio_gives_extends_and_releases_a_lock():
    async def run():
        async with redis.asyncio.Redis(host=HOST, port=PORT) as client:
            owner, other = client.lock(NAME, timeout=100), client.lock(NAME, timeout=100)
            assert await owner.acquire(blocking=False)
            assert not await other.acquire(blocking=False)
            await owner.extend(100)
            assert 100_000 < await client.pttl(NAME) <= 200_000
            await owner.reacquire()
            assert await client.pttl(NAME) <= 100_000
            waiting = asyncio.create_task(other.acquire())
            await owner.release()
            assert await waiting
            try:
                await owner.release()
            except LockError:
                await other.release()
                return
            raise AssertionError("released twice")

    asyncio.run(run())


@case
def redis_py_asyncio_lets_tasks_take_turns():
    async def count(client):
        for _ in range(25):
            async with client.lock(NAME, timeout=DEADLINE, sleep=0.001):
                await client.set("counter", int(await client.get("counter") or 0) + 1)

    async def run():
        async with redis.asyncio.Redis(host=HOST, port=PORT) as client:
            await asyncio.gather(*(count(client) for _ in range(4)))
            assert await client.get("counter") == b"100"

    asyncio.run(run())


@case
def redlock_py_gives_a_lock_to_one_and_lets_only_that_one_release_it():
    client = connect()
    manager = RedlockPy([{"host": HOST, "port": PORT}], retry_count=1)
    lock = manager.lock(NAME, 10_000)
    assert lock and client.get(NAME) == lock.key
    assert manager.lock(NAME, 10_000) is False
    manager.unlock(lock._replace(key=b"another"))
    assert client.exists(NAME)
    manager.unlock(lock)
    assert not client.exists(NAME)
    assert manager.lock(NAME, 20)
    until(lambda: not client.exists(NAME))
    assert manager.lock(NAME, 10_000)


@case
def pottery_gives_extends_and_releases_a_lock():
    owner, other = (Redlock(key=NAME, masters={connect()}, auto_release_time=10) for _ in range(2))
    assert owner.acquire(blocking=False)
    assert not other.acquire(blocking=False)
    assert owner.locked() and not other.locked()
    owner.extend()
    owner.release()
    assert not owner.locked()
    assert other.acquire(blocking=False)
    other.release()


@case
def pottery_asyncio_gives_extends_and_releases_a_lock():
    async def run():
        clients = [redis.asyncio.Redis(host=HOST, port=PORT) for _ in range(2)]
        owner, other = (AIORedlock(key=NAME, masters={client}, auto_release_time=10) for client in clients)
        assert await owner.acquire(blocking=False)
        assert not await other.acquire(blocking=False)
        assert await owner.locked() > 0
        await owner.extend()
        await owner.release()
        assert await owner.locked() == 0
        assert await other.acquire(blocking=False)
        await other.release()
        for client in clients:
            await client.aclose()

    asyncio.run(run())


@case
def pottery_counts_ids_that_are_never_given_twice():
    first, second = (NextID(key="tickets", masters={connect()}) for _ in range(2))
    assert [next(first), next(second), next(first), next(second)] == [1, 2, 3, 4]


main()
