"""Everything of classic publish and subscribe, station by station."""

import resilient
import slow
from server import confirmed, connect, expect_server, hear, publish


def channels(client):
    with client.pubsub() as subscriber:
        subscriber.subscribe("news", "sport")
        confirmed(subscriber, 2)
        publish(client, "news", "hello")
        hear(subscriber)
        publish(client, "sport", "goal")
        hear(subscriber)
        subscriber.unsubscribe("news")
        confirmed(subscriber, 1)
        publish(client, "news", "while nobody listens")
        subscriber.subscribe("news")
        confirmed(subscriber, 1)
        publish(client, "news", "good evening")
        hear(subscriber)


def patterns(client):
    with client.pubsub() as subscriber:
        subscriber.psubscribe("notifications:*", "logs:*:error", "user:?", "sensor:[abc]")
        confirmed(subscriber, 4)
        for channel in ("notifications:email", "logs:web:error", "user:7", "sensor:b"):
            publish(client, channel, "matches")
            hear(subscriber)
        for channel in ("notification", "logs:web:info", "user:42", "sensor:d"):
            publish(client, channel, "does not match")
        subscriber.subscribe("user:7")
        confirmed(subscriber, 1)
        publish(client, "user:7", "comes twice")
        hear(subscriber)
        hear(subscriber)
        subscriber.punsubscribe()
        confirmed(subscriber, 4)
        publish(client, "user:7", "comes once")
        hear(subscriber)


def introspection(client):
    with client.pubsub() as first, client.pubsub() as second:
        first.subscribe("news", "sport")
        confirmed(first, 2)
        second.subscribe("news")
        second.psubscribe("logs:*:error")
        confirmed(second, 2)
        print("PUBSUB CHANNELS ->", *sorted(client.pubsub_channels()))
        print("PUBSUB CHANNELS s* ->", *client.pubsub_channels("s*"))
        counts = client.pubsub_numsub("news", "sport", "chess")
        print("PUBSUB NUMSUB ->", *(f"{name}:{count}" for name, count in counts))
        print("PUBSUB NUMPAT ->", client.pubsub_numpat())


def main():
    expect_server()
    with connect() as client:
        for station in (channels, patterns, introspection, resilient.reconnecting, slow.lagging):
            print(f"== {station.__name__}")
            station(client)


if __name__ == "__main__":
    main()
