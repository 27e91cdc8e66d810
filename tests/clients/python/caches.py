"""Caches: Django's own and django-redis, aiocache."""

import asyncio
import time

import django
import redis
from aiocache import RedisCache
from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock
from django.conf import settings
from django.core.cache import caches
from harness import DEADLINE, HOST, PORT, case, main

URL = f"redis://{HOST}:{PORT}/1"


def cache(backend):
    settings.configure(CACHES={"default": {"BACKEND": backend, "LOCATION": URL, "KEY_PREFIX": "shop"}})
    django.setup()
    return caches["default"]


def connect():
    return redis.Redis.from_url(URL)


def until(condition):
    """Asks again until the answer is yes; expiry is what this waits for."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"


def use_as_django_does(shop):
    """What every cache of Django can do."""
    shop.set("seat", {"row": 7, "free": True})
    assert shop.get("seat") == {"row": 7, "free": True}
    assert shop.add("seat", "another") is False and shop.add("stage", "main") is True
    assert shop.get_many(["seat", "stage", "nothing"]).keys() == {"seat", "stage"}
    shop.set_many({"a": 1, "b": 2})
    assert [shop.incr("a"), shop.incr("a", 10), shop.decr("b")] == [2, 12, 1]
    try:
        shop.incr("nothing")
    except ValueError:
        pass
    else:
        raise AssertionError("what is not there was counted")
    assert shop.touch("a", 1000) and not shop.touch("nothing", 1000)
    assert shop.get_or_set("c", lambda: 3) == 3 and shop.has_key("c")
    assert shop.incr_version("c") == 2 and shop.get("c", version=2) == 3
    shop.set("gone", 1, timeout=0)
    assert shop.get("gone") is None
    shop.set("short", 1, timeout=1)
    shop.delete_many(["a", "b"])
    assert shop.get("a") is None
    until(lambda: shop.get("short") is None)
    shop.clear()
    assert connect().dbsize() == 0


@case
def django_keeps_its_cache():
    use_as_django_does(cache("django.core.cache.backends.redis.RedisCache"))


@case
def django_redis_keeps_its_cache():
    use_as_django_does(cache("django_redis.cache.RedisCache"))


@case
def django_redis_knows_how_long_keys_live():
    shop = cache("django_redis.cache.RedisCache")
    shop.set("seat", "free", timeout=100)
    assert 0 < shop.ttl("seat") <= 100 and 0 < shop.pttl("seat") <= 100_000
    assert shop.expire("seat", 1000) and 100 < shop.ttl("seat")
    assert shop.pexpire("seat", 5_000_000) and 1000 < shop.ttl("seat")
    assert shop.persist("seat") and shop.ttl("seat") is None
    assert shop.ttl("nothing") == 0


@case
def django_redis_counts_what_expires():
    """Its script keeps the time to live, which a number that grows past 64 bits could lose."""
    shop = cache("django_redis.cache.RedisCache")
    shop.set("visitors", 2**63 - 1, timeout=100)
    assert shop.incr("visitors") == 2**63
    assert 0 < shop.ttl("visitors") <= 100
    assert shop.incr("new", ignore_key_check=True) == 1


@case
def django_redis_finds_and_deletes_keys_by_pattern():
    shop = cache("django_redis.cache.RedisCache")
    shop.set_many({f"seat:{n}": n for n in range(500)})
    shop.set("stage", "main")
    assert len(shop.keys("seat:*")) == 500
    assert sorted(shop.iter_keys("s*", itersize=50)) == sorted(shop.keys("s*"))
    assert shop.delete_pattern("seat:*", itersize=50) == 500
    assert shop.keys("*") == ["stage"]


@case
def django_redis_locks():
    shop = cache("django_redis.cache.RedisCache")
    with shop.lock("booking", timeout=100):
        assert shop.has_key("booking")
        assert not shop.lock("booking", timeout=100).acquire(blocking=False)
    assert not shop.has_key("booking")


@case
def aiocache_keeps_counts_and_forgets():
    async def run():
        async with RedisCache(endpoint=HOST, port=PORT, namespace="shop:") as shop:
            await shop.set("seat", "free", ttl=100)
            assert await shop.get("seat") == "free"
            assert await shop.expire("seat", 1000)
            assert await shop.multi_set([("a", "1"), ("b", "2")], ttl=100)
            assert await shop.multi_get(["a", "b", "c"]) == ["1", "2", None]
            assert await shop.increment("count", 2) == 2
            try:
                await shop.add("seat", "another")
            except ValueError:
                pass
            else:
                raise AssertionError("added twice")
            assert await shop.delete("a") == 1 and not await shop.exists("a")
            await shop.clear(namespace="shop:")
            assert not await shop.exists("seat")

    asyncio.run(run())


@case
def aiocache_locks_with_scripts():
    """One waits for the other's value; who was overtaken is told."""

    async def run():
        async with RedisCache(endpoint=HOST, port=PORT) as shop:
            async def fill(value):
                async with RedLock(shop, "seat", lease=DEADLINE):
                    if not await shop.exists("seat"):
                        await shop.set("seat", value)
                    return await shop.get("seat")

            first, second = await asyncio.gather(fill("one"), fill("two"))
            assert first == second
            async with OptimisticLock(shop, "seat") as lock:
                await shop.set("seat", "overtaken")
                try:
                    await lock.cas("lost")
                except OptimisticLockError:
                    assert await shop.get("seat") == "overtaken"
                    return
            raise AssertionError("nobody was told")

    asyncio.run(run())


main()
