"""redis-py, as a program with threads or without uses it."""

import threading
import time
from functools import cache
from itertools import islice

import redis
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
from redis.backoff import NoBackoff
from redis.cache import CacheConfig
from redis.retry import Retry


def connect(port=PORT, **options):
    return redis.Redis(host=HOST, port=port, protocol=RESP, **(TLS | options))


@cache
def listening(**options):
    """The client whose subscriptions are where subscribers are. It lives on, because they end with it."""
    return connect(port=SUBSCRIBER_PORT, **options)


def next_event(subscriber):
    """The next message or confirmation; get_message returns None when it handled something by itself."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        event = subscriber.get_message(timeout=1)
        if event is not None:
            return event
    raise AssertionError("no message in time")


def confirmations(subscriber, count):
    return [(e["type"], e["channel"], e["data"]) for e in (next_event(subscriber) for _ in range(count))]


def subscribed(client, *channels):
    subscriber = client.pubsub()
    subscriber.subscribe(*channels)
    confirmations(subscriber, len(channels))
    return subscriber


def expect_message(subscriber, channel, data):
    event = next_event(subscriber)
    assert event == {"type": "message", "pattern": None, "channel": channel, "data": data}, event


def expect_nothing_before(subscriber, publisher):
    """The message sent here arrives first, so nothing of what was published before was delivered."""
    subscriber.subscribe("marker")
    assert next_event(subscriber)["type"] == "subscribe"
    publisher.publish("marker", "reached")
    expect_message(subscriber, b"marker", b"reached")


def refused(error, text, **options):
    """redis-py would try a refused password again, with growing pauses."""
    client = connect(retry=Retry(NoBackoff(), 0), **options)
    try:
        client.publish("news", "hello")
    except error as refusal:
        assert text in str(refusal), refusal
    else:
        raise AssertionError("the server let it in")


@case
def the_connection_speaks_the_protocol_asked_for():
    info = connect().client_info()
    assert int(info["resp"]) == RESP, info


@case
def a_message_arrives_as_it_was_published():
    client = connect(decode_responses=True)
    with listening(decode_responses=True).pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=DEADLINE) is None
        client.publish("news", "¡se hace saber!")
        client.publish("news", "")
        received = [message["data"] for message in islice(subscriber.listen(), 2)]
    assert received == ["¡se hace saber!", ""], received


@case
def publish_counts_its_receivers():
    client = connect()
    assert client.publish("news", "nobody listens") == 0
    first, second = subscribed(client, "news"), subscribed(client, "news")
    assert client.publish("news", "two listen") == 2
    first.psubscribe("n*", "*s")
    confirmations(first, 3)
    assert client.publish("news", "one of them three times") == 4
    expect_message(second, b"news", b"two listen")


@case
def a_pattern_delivers_pattern_channel_and_message():
    client = connect()
    subscriber = listening().pubsub()
    subscriber.psubscribe("weather.[a-c]*.?ay")
    assert confirmations(subscriber, 1) == [("psubscribe", b"weather.[a-c]*.?ay", 1)]
    assert client.publish("weather.delhi.day", "no match") == 0
    assert client.publish("weather.bilbao.day", "rain") == counted(1)
    event = next_event(subscriber)
    assert event == {
        "type": "pmessage",
        "pattern": b"weather.[a-c]*.?ay",
        "channel": b"weather.bilbao.day",
        "data": b"rain",
    }, event


@case
def sharded_messages_reach_only_sharded_subscribers():
    client = connect()
    sharded = listening().pubsub()
    sharded.ssubscribe("orders")
    assert confirmations(sharded, 1) == [("ssubscribe", b"orders", 1)]
    plain = subscribed(listening(), "orders")
    assert client.spublish("orders", "sharded") == counted(1)
    assert client.publish("orders", "plain") == counted(1)
    event = next_event(sharded)
    assert (event["type"], event["channel"], event["data"]) == ("smessage", b"orders", b"sharded"), event
    expect_message(plain, b"orders", b"plain")
    assert client.pubsub_shardchannels() == [b"orders"]
    assert client.pubsub_shardnumsub("orders") == [(b"orders", 1)]
    sharded.sunsubscribe("orders")
    assert confirmations(sharded, 1) == [("sunsubscribe", b"orders", 0)]
    assert client.spublish("orders", "sharded") == 0


@case
def several_subscriptions_share_one_connection():
    client = connect()
    heard = []
    done = threading.Event()

    def handler(event):
        heard.append((event["type"], event["channel"], event["data"]))
        if len(heard) == 4:
            done.set()

    subscriber = listening().pubsub()
    subscriber.subscribe(**{"news": handler, "sport": handler})
    subscriber.psubscribe(**{"s*": handler})
    assert [count for _, _, count in confirmations(subscriber, 3)] == [1, 2, 3]
    thread = subscriber.run_in_thread(sleep_time=0.1)
    client.publish("news", "one")
    client.publish("sport", "two")
    client.publish("stars", "three")
    assert done.wait(DEADLINE)
    thread.stop()
    thread.join()
    assert heard == [
        ("message", b"news", b"one"),
        ("message", b"sport", b"two"),
        ("pmessage", b"sport", b"two"),
        ("pmessage", b"stars", b"three"),
    ], heard


@case
def unsubscribing_one_channel_keeps_the_others():
    client = connect()
    subscriber = subscribed(listening(), "news", "sport")
    subscriber.unsubscribe("news")
    assert confirmations(subscriber, 1) == [("unsubscribe", b"news", 1)]
    assert client.publish("news", "unheard") == 0
    assert client.publish("sport", "heard") == counted(1)
    expect_message(subscriber, b"sport", b"heard")


@case
def unsubscribing_from_all_ends_delivery():
    client = connect()
    subscriber = subscribed(listening(), "news", "sport")
    subscriber.psubscribe("*")
    confirmations(subscriber, 1)
    subscriber.unsubscribe()
    subscriber.punsubscribe()
    ended = confirmations(subscriber, 3)
    assert {channel for _, channel, _ in ended} == {b"news", b"sport", b"*"}, ended
    assert [count for _, _, count in ended] == [2, 1, 0], ended
    assert client.publish("news", "unheard") == 0
    expect_nothing_before(subscriber, client)


@case
def introspection_names_and_counts_subscriptions():
    client = connect()
    first = subscribed(listening(), "news.es", "news.fr", "sport")
    subscribed_too = subscribed(listening(), "news.es")
    first.psubscribe("news.*")
    subscribed_too.psubscribe("news.*", "s*")
    confirmations(first, 1)
    confirmations(subscribed_too, 2)
    assert sorted(client.pubsub_channels()) == [b"news.es", b"news.fr", b"sport"]
    assert sorted(client.pubsub_channels("news.*")) == [b"news.es", b"news.fr"]
    assert client.pubsub_numsub("news.es", "sport", "none") == [(b"news.es", 2), (b"sport", 1), (b"none", 0)]
    assert client.pubsub_numpat() == 2


@case
def a_subscriber_returns_after_the_server_restarts():
    client = connect()
    subscriber = subscribed(listening(), "news")
    subscriber.psubscribe("s*")
    confirmations(subscriber, 1)
    ask("restart")
    # redis-py subscribes again by itself and shows the new confirmations.
    assert {channel for _, channel, _ in confirmations(subscriber, 2)} == {b"news", b"s*"}
    assert client.publish("news", "back again") == counted(1)
    expect_message(subscriber, b"news", b"back again")
    assert client.publish("sport", "back again") == counted(1)
    assert next_event(subscriber)["type"] == "pmessage"


@case
def a_subscriber_that_fell_behind_goes_on_behind_the_gap():
    client = connect()
    subscriber = subscribed(listening(), "news", *SIDES)
    ask("flood")
    events = [next_event(subscriber)]
    while events[-1]["data"] != b"last":
        events.append(next_event(subscriber))
    check_flood(events[:-1], events[-1])
    ask("quiet")
    assert client.publish("news", "go on") == 1
    events = [next_event(subscriber)]
    while events[-1]["type"] == "alive":
        events.append(next_event(subscriber))
    check_signs_of_life(len(events) - 1)
    assert (events[-1]["type"], events[-1]["data"]) == ("message", b"go on"), events
    expect_nothing_before(subscriber, client)


@case
def a_transaction_publishes_everything_at_once():
    client = connect()
    subscriber = subscribed(listening(), "news", "sport")
    with client.pipeline(transaction=True) as transaction:
        transaction.publish("news", "first")
        transaction.publish("nobody", "lost")
        transaction.publish("sport", "second")
        assert transaction.execute() == [counted(1), 0, counted(1)]
    expect_message(subscriber, b"news", b"first")
    expect_message(subscriber, b"sport", b"second")
    with client.pipeline(transaction=False) as pipeline:
        pipeline.publish("news", "third").ping().publish("sport", "fourth")
        assert pipeline.execute() == [counted(1), True, counted(1)]
    expect_message(subscriber, b"news", b"third")
    expect_message(subscriber, b"sport", b"fourth")


@case
def an_unknown_command_fails_without_harming_the_connection():
    client = connect(single_connection_client=True)
    connection = client.client_id()
    try:
        client.execute_command("PROCLAIM", "news", "hello")
    except redis.ResponseError as error:
        assert str(error) == UNKNOWN_PROCLAIM, error
    else:
        raise AssertionError("the server knows PROCLAIM")
    assert client.client_id() == connection


@case
def the_right_password_opens_the_server():
    client = connect(password=PASSWORD)
    subscriber = subscribed(client, "news")
    assert client.publish("news", "hello") == 1
    expect_message(subscriber, b"news", b"hello")
    assert connect(username="default", password=PASSWORD).ping()


@case
def a_wrong_password_is_refused():
    refused(redis.AuthenticationError, WRONG_PASSWORD, password="wrong")
    refused(redis.AuthenticationError, WRONG_PASSWORD, username="nobody", password=PASSWORD)


@case
def a_missing_password_is_refused():
    refused(redis.AuthenticationError, MISSING_PASSWORD)


@case
def every_byte_value_survives_in_names_and_messages():
    client = connect()
    subscriber = subscribed(listening(), EVERY_BYTE)
    subscriber.psubscribe(b"\x00*\xff")
    confirmations(subscriber, 1)
    assert client.publish(EVERY_BYTE, EVERY_BYTE * 4) == counted(2)
    expect_message(subscriber, EVERY_BYTE, EVERY_BYTE * 4)
    event = next_event(subscriber)
    assert (event["pattern"], event["channel"]) == (b"\x00*\xff", EVERY_BYTE), event
    assert event["data"] == EVERY_BYTE * 4
    assert EVERY_BYTE in client.pubsub_channels()


@case
def a_megabyte_survives():
    client = connect()
    subscriber = subscribed(listening(), "news")
    for message in MEGABYTES:
        assert client.publish("news", message) == counted(1)
        expect_message(subscriber, b"news", message)


@case
def a_thousand_channels_fit_on_one_connection():
    client = connect()
    subscriber = listening().pubsub()
    subscriber.subscribe(*THOUSAND_CHANNELS)
    expected = [("subscribe", name, n + 1) for n, name in enumerate(THOUSAND_CHANNELS)]
    assert confirmations(subscriber, 1000) == expected
    pipeline = client.pipeline(transaction=False)
    for name in THOUSAND_CHANNELS:
        pipeline.publish(name, b"for " + name)
    assert pipeline.execute() == [counted(1)] * 1000
    for name in THOUSAND_CHANNELS:
        expect_message(subscriber, name, b"for " + name)


@case
def ten_thousand_messages_keep_their_order():
    client = connect()
    subscriber = subscribed(listening(), "even", "odd")
    for start in range(0, 10_000, 1000):
        pipeline = client.pipeline(transaction=False)
        for n in range(start, start + 1000):
            pipeline.publish("odd" if n % 2 else "even", n)
        pipeline.execute()
    for n in range(10_000):
        expect_message(subscriber, b"odd" if n % 2 else b"even", str(n).encode())


@case
def the_client_list_knows_name_and_id():
    client = connect(client_name="crier", single_connection_client=True, decode_responses=True)
    number = client.client_id()
    assert client.client_getname() == "crier"
    assert int(client.client_info()["id"]) == number
    subscriber = subscribed(client, "news", "sport")
    listed = {int(entry["id"]): entry for entry in client.client_list()}
    assert listed[number]["name"] == "crier"
    assert listed[number]["lib-name"] == "redis-py", listed[number]
    [listener] = client.client_list(_type="pubsub")
    assert (listener["sub"], listener["psub"], listener["flags"]) == ("2", "0", "P"), listener
    client.client_setname("town-crier")
    assert client.client_info()["name"] == "town-crier"
    subscriber.close()


@case
def a_selected_database_does_not_separate_channels():
    listener, publisher = connect(db=5), connect(db=3)
    subscriber = subscribed(listener, "news")
    assert publisher.publish("news", "for all") == 1
    expect_message(subscriber, b"news", b"for all")
    assert int(publisher.client_info()["db"]) == 3


@case
def pings_are_answered_beside_subscriptions():
    client = connect(health_check_interval=1)
    subscriber = subscribed(client, "news")
    subscriber.ping()
    event = next_event(subscriber)
    assert (event["type"], event["data"]) == ("pong", b""), event
    # Each get_message checks the connection when that was not done within the interval.
    deadline = time.monotonic() + DEADLINE
    while client.info("commandstats")["cmdstat_ping"]["calls"] < 2:
        assert time.monotonic() < deadline, "no health check in time"
        assert subscriber.get_message(timeout=0.1) is None
    client.publish("news", "still subscribed")
    expect_message(subscriber, b"news", b"still subscribed")


@case
def a_cached_key_is_forgotten_when_it_changes():
    """By redis-py's own cache in RESP3, by a subscriber in RESP2."""
    writer = connect()
    writer.set("seat", "free")
    if RESP == 3:
        reader = connect(cache_config=CacheConfig())
        assert [reader.get("seat") for _ in range(3)] == [b"free"] * 3
        assert writer.info("commandstats")["cmdstat_get"]["calls"] == 1
        for change, value in [(lambda: writer.set("seat", "taken"), b"taken"), (writer.flushall, None)]:
            change()
            deadline = time.monotonic() + DEADLINE
            while reader.get("seat") != value:
                assert time.monotonic() < deadline, "the cache forgets nothing"
    else:
        listener, reader = connect(), connect(single_connection_client=True)
        subscriber = subscribed(listener, "__redis__:invalidate")
        [listed] = writer.client_list(_type="pubsub")
        reader.client_tracking_on(clientid=int(listed["id"]))
        assert reader.get("seat") == b"free"
        writer.set("seat", "taken")
        expect_message(subscriber, b"__redis__:invalidate", [b"seat"])
        writer.flushall()
        expect_message(subscriber, b"__redis__:invalidate", None)


@case
def a_connection_outlives_its_certificate():
    """Who is there stays; who comes sees the new certificate, for which only an authority vouches that it has to trust."""
    publisher = connect()
    subscriber = subscribed(listening(), "news")
    assert publisher.ping()
    ask("renew")
    for client in (publisher, connect(ssl_ca_certs=NEXT_CA)):
        assert client.publish("news", "still there") == 1
        expect_message(subscriber, b"news", b"still there")
    refused(redis.ConnectionError, "certificate verify failed")


@case
def a_refused_certificate_is_told():
    refused(redis.ConnectionError, REFUSAL)


main()
