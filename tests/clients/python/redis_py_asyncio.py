"""redis-py's asyncio interface."""

import asyncio
import time
from functools import cache

import redis.asyncio as redis
from harness import (
    DEADLINE,
    EVERY_BYTE,
    HOST,
    MEGABYTES,
    MISSING_PASSWORD,
    NEXT_CA,
    PASSWORD,
    PORT,
    REFUSAL,
    RESP,
    SIDES,
    SUBSCRIBER_PORT,
    THOUSAND_CHANNELS,
    TLS,
    UNKNOWN_PROCLAIM,
    WRONG_PASSWORD,
    ask,
    case,
    check_flood,
    check_signs_of_life,
    counted,
    main,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect(port=PORT, **options):
    return redis.Redis(host=HOST, port=port, protocol=RESP, **(TLS | options))


@cache
def listening(**options):
    """The client whose subscriptions are where subscribers are. It lives on, because they end with it."""
    return connect(port=SUBSCRIBER_PORT, **options)


async def next_event(subscriber):
    """The next message or confirmation; get_message returns None when it handled something by itself."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        event = await subscriber.get_message(timeout=1)
        if event is not None:
            return event
    raise AssertionError("no message in time")


async def confirmations(subscriber, count):
    events = [await next_event(subscriber) for _ in range(count)]
    return [(event["type"], event["channel"], event["data"]) for event in events]


async def subscribed(client, *channels):
    subscriber = client.pubsub()
    await subscriber.subscribe(*channels)
    await confirmations(subscriber, len(channels))
    return subscriber


async def expect_message(subscriber, channel, data):
    event = await next_event(subscriber)
    assert event == {"type": "message", "pattern": None, "channel": channel, "data": data}, event


async def expect_nothing_before(subscriber, publisher):
    """The message sent here arrives first, so nothing of what was published before was delivered."""
    await subscriber.subscribe("marker")
    assert (await next_event(subscriber))["type"] == "subscribe"
    await publisher.publish("marker", "reached")
    await expect_message(subscriber, b"marker", b"reached")


async def refused(error, text, **options):
    """redis-py would try a refused password again, with growing pauses."""
    client = connect(retry=Retry(NoBackoff(), 0), **options)
    try:
        await client.publish("news", "hello")
    except error as refusal:
        assert text in str(refusal), refusal
    else:
        raise AssertionError("the server let it in")


@case
async def the_connection_speaks_the_protocol_asked_for():
    info = await connect().client_info()
    assert int(info["resp"]) == RESP, info


@case
async def a_message_arrives_as_it_was_published():
    client = connect(decode_responses=True)
    async with listening(decode_responses=True).pubsub(ignore_subscribe_messages=True) as subscriber:
        await subscriber.subscribe("news")
        assert await subscriber.get_message(timeout=DEADLINE) is None
        await client.publish("news", "¡se hace saber!")
        await client.publish("news", "")
        received = []
        async for message in subscriber.listen():
            received.append(message["data"])
            if len(received) == 2:
                break
    assert received == ["¡se hace saber!", ""], received


@case
async def publish_counts_its_receivers():
    client = connect()
    assert await client.publish("news", "nobody listens") == 0
    first, second = await subscribed(client, "news"), await subscribed(client, "news")
    assert await client.publish("news", "two listen") == 2
    await first.psubscribe("n*", "*s")
    await confirmations(first, 3)
    assert await client.publish("news", "one of them three times") == 4
    await expect_message(second, b"news", b"two listen")


@case
async def a_pattern_delivers_pattern_channel_and_message():
    client = connect()
    subscriber = listening().pubsub()
    await subscriber.psubscribe("weather.[a-c]*.?ay")
    assert await confirmations(subscriber, 1) == [("psubscribe", b"weather.[a-c]*.?ay", 1)]
    assert await client.publish("weather.delhi.day", "no match") == 0
    assert await client.publish("weather.bilbao.day", "rain") == counted(1)
    event = await next_event(subscriber)
    assert event == {
        "type": "pmessage",
        "pattern": b"weather.[a-c]*.?ay",
        "channel": b"weather.bilbao.day",
        "data": b"rain",
    }, event


@case
async def sharded_messages_reach_only_sharded_subscribers():
    client = connect()
    sharded = listening().pubsub()
    await sharded.ssubscribe("orders")
    assert await confirmations(sharded, 1) == [("ssubscribe", b"orders", 1)]
    plain = await subscribed(listening(), "orders")
    assert await client.spublish("orders", "sharded") == counted(1)
    assert await client.publish("orders", "plain") == counted(1)
    event = await next_event(sharded)
    assert (event["type"], event["channel"], event["data"]) == ("smessage", b"orders", b"sharded"), event
    await expect_message(plain, b"orders", b"plain")
    assert await client.pubsub_shardchannels() == [b"orders"]
    assert await client.pubsub_shardnumsub("orders") == [(b"orders", 1)]
    await sharded.sunsubscribe("orders")
    assert await confirmations(sharded, 1) == [("sunsubscribe", b"orders", 0)]
    assert await client.spublish("orders", "sharded") == 0


@case
async def several_subscriptions_share_one_connection():
    client = connect()
    heard = []

    async def handler(event):
        heard.append((event["type"], event["channel"], event["data"]))

    subscriber = listening().pubsub()
    await subscriber.subscribe(**{"news": handler, "sport": handler})
    await subscriber.psubscribe(**{"s*": handler})
    assert [count for _, _, count in await confirmations(subscriber, 3)] == [1, 2, 3]
    await subscriber.subscribe("end")
    await confirmations(subscriber, 1)
    await client.publish("news", "one")
    await client.publish("sport", "two")
    await client.publish("stars", "three")
    await client.publish("end", "of the day")
    await expect_message(subscriber, b"end", b"of the day")
    assert heard == [
        ("message", b"news", b"one"),
        ("message", b"sport", b"two"),
        ("pmessage", b"sport", b"two"),
        ("pmessage", b"stars", b"three"),
    ], heard


@case
async def unsubscribing_one_channel_keeps_the_others():
    client = connect()
    subscriber = await subscribed(listening(), "news", "sport")
    await subscriber.unsubscribe("news")
    assert await confirmations(subscriber, 1) == [("unsubscribe", b"news", 1)]
    assert await client.publish("news", "unheard") == 0
    assert await client.publish("sport", "heard") == counted(1)
    await expect_message(subscriber, b"sport", b"heard")


@case
async def unsubscribing_from_all_ends_delivery():
    client = connect()
    subscriber = await subscribed(listening(), "news", "sport")
    await subscriber.psubscribe("*")
    await confirmations(subscriber, 1)
    await subscriber.unsubscribe()
    await subscriber.punsubscribe()
    ended = await confirmations(subscriber, 3)
    assert {channel for _, channel, _ in ended} == {b"news", b"sport", b"*"}, ended
    assert [count for _, _, count in ended] == [2, 1, 0], ended
    assert await client.publish("news", "unheard") == 0
    await expect_nothing_before(subscriber, client)


@case
async def introspection_names_and_counts_subscriptions():
    client = connect()
    first = await subscribed(listening(), "news.es", "news.fr", "sport")
    subscribed_too = await subscribed(listening(), "news.es")
    await first.psubscribe("news.*")
    await subscribed_too.psubscribe("news.*", "s*")
    await confirmations(first, 1)
    await confirmations(subscribed_too, 2)
    assert sorted(await client.pubsub_channels()) == [b"news.es", b"news.fr", b"sport"]
    assert sorted(await client.pubsub_channels("news.*")) == [b"news.es", b"news.fr"]
    assert await client.pubsub_numsub("news.es", "sport", "none") == [(b"news.es", 2), (b"sport", 1), (b"none", 0)]
    assert await client.pubsub_numpat() == 2


@case
async def a_subscriber_returns_after_the_server_restarts():
    client = connect()
    subscriber = await subscribed(listening(), "news")
    await subscriber.psubscribe("s*")
    await confirmations(subscriber, 1)
    ask("restart")
    # redis-py subscribes again by itself and shows the new confirmations.
    assert {channel for _, channel, _ in await confirmations(subscriber, 2)} == {b"news", b"s*"}
    assert await client.publish("news", "back again") == counted(1)
    await expect_message(subscriber, b"news", b"back again")
    assert await client.publish("sport", "back again") == counted(1)
    assert (await next_event(subscriber))["type"] == "pmessage"


@case
async def a_subscriber_that_fell_behind_goes_on_behind_the_gap():
    client = connect()
    subscriber = await subscribed(listening(), "news", *SIDES)
    # Waits without giving others their turn: nothing is read meanwhile.
    ask("flood")
    events = [await next_event(subscriber)]
    while events[-1]["data"] != b"last":
        events.append(await next_event(subscriber))
    check_flood(events[:-1], events[-1])
    ask("quiet")
    assert await client.publish("news", "go on") == 1
    events = [await next_event(subscriber)]
    while events[-1]["type"] == "alive":
        events.append(await next_event(subscriber))
    check_signs_of_life(len(events) - 1)
    assert (events[-1]["type"], events[-1]["data"]) == ("message", b"go on"), events
    await expect_nothing_before(subscriber, client)


@case
async def a_transaction_publishes_everything_at_once():
    client = connect()
    subscriber = await subscribed(listening(), "news", "sport")
    async with client.pipeline(transaction=True) as transaction:
        transaction.publish("news", "first")
        transaction.publish("nobody", "lost")
        transaction.publish("sport", "second")
        assert await transaction.execute() == [counted(1), 0, counted(1)]
    await expect_message(subscriber, b"news", b"first")
    await expect_message(subscriber, b"sport", b"second")
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.publish("news", "third").ping().publish("sport", "fourth")
        assert await pipeline.execute() == [counted(1), True, counted(1)]
    await expect_message(subscriber, b"news", b"third")
    await expect_message(subscriber, b"sport", b"fourth")


@case
async def an_unknown_command_fails_without_harming_the_connection():
    client = connect(single_connection_client=True)
    connection = await client.client_id()
    try:
        await client.execute_command("PROCLAIM", "news", "hello")
    except redis.ResponseError as error:
        assert str(error) == UNKNOWN_PROCLAIM, error
    else:
        raise AssertionError("the server knows PROCLAIM")
    assert await client.client_id() == connection


@case
async def the_right_password_opens_the_server():
    client = connect(password=PASSWORD)
    subscriber = await subscribed(client, "news")
    assert await client.publish("news", "hello") == 1
    await expect_message(subscriber, b"news", b"hello")
    assert await connect(username="default", password=PASSWORD).ping()


@case
async def a_wrong_password_is_refused():
    await refused(redis.AuthenticationError, WRONG_PASSWORD, password="wrong")
    await refused(redis.AuthenticationError, WRONG_PASSWORD, username="nobody", password=PASSWORD)


@case
async def a_missing_password_is_refused():
    await refused(redis.AuthenticationError, MISSING_PASSWORD)


@case
async def every_byte_value_survives_in_names_and_messages():
    client = connect()
    subscriber = await subscribed(listening(), EVERY_BYTE)
    await subscriber.psubscribe(b"\x00*\xff")
    await confirmations(subscriber, 1)
    assert await client.publish(EVERY_BYTE, EVERY_BYTE * 4) == counted(2)
    await expect_message(subscriber, EVERY_BYTE, EVERY_BYTE * 4)
    event = await next_event(subscriber)
    assert (event["pattern"], event["channel"]) == (b"\x00*\xff", EVERY_BYTE), event
    assert event["data"] == EVERY_BYTE * 4
    assert EVERY_BYTE in await client.pubsub_channels()


@case
async def a_megabyte_survives():
    client = connect()
    subscriber = await subscribed(listening(), "news")
    for message in MEGABYTES:
        assert await client.publish("news", message) == counted(1)
        await expect_message(subscriber, b"news", message)


@case
async def a_thousand_channels_fit_on_one_connection():
    client = connect()
    subscriber = listening().pubsub()
    await subscriber.subscribe(*THOUSAND_CHANNELS)
    expected = [("subscribe", name, n + 1) for n, name in enumerate(THOUSAND_CHANNELS)]
    assert await confirmations(subscriber, 1000) == expected
    pipeline = client.pipeline(transaction=False)
    for name in THOUSAND_CHANNELS:
        pipeline.publish(name, b"for " + name)
    assert await pipeline.execute() == [counted(1)] * 1000
    for name in THOUSAND_CHANNELS:
        await expect_message(subscriber, name, b"for " + name)


@case
async def ten_thousand_messages_keep_their_order():
    client = connect()
    subscriber = await subscribed(listening(), "even", "odd")
    for start in range(0, 10_000, 1000):
        pipeline = client.pipeline(transaction=False)
        for n in range(start, start + 1000):
            pipeline.publish("odd" if n % 2 else "even", n)
        await pipeline.execute()
    for n in range(10_000):
        await expect_message(subscriber, b"odd" if n % 2 else b"even", str(n).encode())


@case
async def the_client_list_knows_name_and_id():
    client = connect(client_name="crier", single_connection_client=True, decode_responses=True)
    number = await client.client_id()
    assert await client.client_getname() == "crier"
    assert int((await client.client_info())["id"]) == number
    subscriber = await subscribed(client, "news", "sport")
    listed = {int(entry["id"]): entry for entry in await client.client_list()}
    assert listed[number]["name"] == "crier"
    assert listed[number]["lib-name"] == "redis-py", listed[number]
    [listener] = await client.client_list(_type="pubsub")
    assert (listener["sub"], listener["psub"], listener["flags"]) == ("2", "0", "P"), listener
    await client.client_setname("town-crier")
    assert (await client.client_info())["name"] == "town-crier"
    await subscriber.aclose()


@case
async def a_selected_database_does_not_separate_channels():
    listener, publisher = connect(db=5), connect(db=3)
    subscriber = await subscribed(listener, "news")
    assert await publisher.publish("news", "for all") == 1
    await expect_message(subscriber, b"news", b"for all")
    assert int((await publisher.client_info())["db"]) == 3


@case
async def pings_are_answered_beside_subscriptions():
    client = connect(health_check_interval=1)
    subscriber = await subscribed(client, "news")
    await subscriber.ping()
    event = await next_event(subscriber)
    assert (event["type"], event["data"]) == ("pong", b""), event
    # Each get_message checks the connection when that was not done within the interval.
    deadline = time.monotonic() + DEADLINE
    while (await client.info("commandstats"))["cmdstat_ping"]["calls"] < 2:
        assert time.monotonic() < deadline, "no health check in time"
        assert await subscriber.get_message(timeout=0.1) is None
    await client.publish("news", "still subscribed")
    await expect_message(subscriber, b"news", b"still subscribed")


@case
async def a_cached_key_is_forgotten_when_it_changes():
    """By a subscriber, which speaks RESP2: this interface has no cache of its own."""
    writer = connect()
    await writer.set("seat", "free")
    listener, reader = redis.Redis(host=HOST, port=PORT, protocol=2), connect(single_connection_client=True)
    subscriber = await subscribed(listener, "__redis__:invalidate")
    [listed] = await writer.client_list(_type="pubsub")
    await reader.client_tracking_on(clientid=int(listed["id"]))
    assert await reader.get("seat") == b"free"
    await writer.set("seat", "taken")
    await expect_message(subscriber, b"__redis__:invalidate", [b"seat"])
    await writer.flushall()
    await expect_message(subscriber, b"__redis__:invalidate", None)


@case
async def a_connection_outlives_its_certificate():
    """Who is there stays; who comes sees the new certificate, for which only an authority vouches that it has to trust."""
    publisher = connect()
    subscriber = await subscribed(listening(), "news")
    assert await publisher.ping()
    ask("renew")
    for client in (publisher, connect(ssl_ca_certs=NEXT_CA)):
        assert await client.publish("news", "still there") == 1
        await expect_message(subscriber, b"news", b"still there")
    await refused(redis.ConnectionError, "certificate verify failed")


@case
async def a_refused_certificate_is_told():
    await refused(redis.ConnectionError, REFUSAL)


main(lambda function: asyncio.run(function()))
