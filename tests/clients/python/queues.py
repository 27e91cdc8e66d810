"""Tasks that travel over Redis: the brokers of taskiq, and groups of Django's channels."""

import asyncio

import redis.asyncio
from channels_redis.pubsub import RedisPubSubChannelLayer
from harness import DEADLINE, HOST, PORT, SUBSCRIBER_PORT, case, main
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker, PubSubBroker, RedisAsyncResultBackend, RedisStreamBroker

URL = f"redis://{HOST}:{PORT}"


async def until(condition):
    """Asks again until the answer is yes."""

    async def ask():
        while not await condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(ask(), DEADLINE)


async def work(broker, ready):
    """Sends two tasks to a worker and returns when it has answered both."""
    broker = broker.with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=1000))

    @broker.task
    async def double(number):
        return 2 * number

    await broker.startup()
    worker = asyncio.create_task(run_receiver_task(broker))
    try:
        async with redis.asyncio.Redis.from_url(URL) as client:
            await until(lambda: ready(client))
            for number in (21, 50):
                task = await double.kiq(number)
                result = await task.wait_result(check_interval=0.01, timeout=DEADLINE)
                assert result.return_value == 2 * number, result
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await broker.shutdown()


@case
def taskiq_works_through_a_list():
    async def waits(client):
        return (await client.info("clients"))["blocked_clients"] == 1

    asyncio.run(work(ListQueueBroker(URL), waits))


@case
def taskiq_works_through_a_channel():
    async def listens(client):
        return await client.pubsub_numsub("taskiq") == [(b"taskiq", 1)]

    asyncio.run(work(PubSubBroker(URL), listens))


@case
def taskiq_works_through_a_stream():
    """Between reads the worker looks for tasks that others have left behind, under a lock that a script releases."""

    async def has_a_group(client):
        return len(await client.xinfo_groups("taskiq")) == 1

    async def acknowledged(client):
        [group] = await client.xinfo_groups("taskiq")
        return group["pending"] == 0 and not await client.keys("autoclaim:*")

    async def run():
        await work(RedisStreamBroker(URL), has_a_group)
        async with redis.asyncio.Redis.from_url(URL) as client:
            await until(lambda: acknowledged(client))
            assert (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] >= 1

    asyncio.run(run())


@case
def channels_sends_to_groups_by_channels():
    async def known(client, channels):
        return len(await client.pubsub_channels()) == channels

    async def run():
        there, here = (RedisPubSubChannelLayer(hosts=[(HOST, port)]) for port in (SUBSCRIBER_PORT, PORT))

        async def hear(listener):
            return (await asyncio.wait_for(there.receive(listener), DEADLINE))["text"]

        listeners = [await there.new_channel() for _ in range(2)]
        for listener in listeners:
            await there.group_add("news", listener)
        async with redis.asyncio.Redis.from_url(URL) as client:
            # Of their channels and that of the group: it does not wait for confirmations itself.
            await until(lambda: known(client, 3))
        await here.group_send("news", {"type": "news.item", "text": "hear ye"})
        assert [await hear(listener) for listener in listeners] == ["hear ye"] * 2
        await there.group_discard("news", listeners[0])
        await here.group_send("news", {"type": "news.item", "text": "again"})
        await here.send(listeners[0], {"type": "news.item", "text": "for you"})
        assert [await hear(listener) for listener in reversed(listeners)] == ["again", "for you"]
        for layer in (there, here):
            await layer.flush()

    asyncio.run(run())


main()
