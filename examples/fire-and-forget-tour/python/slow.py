"""A subscriber that does not read is cut when too much waits for it. Publishers do not wait; others lose nothing."""

from server import confirmed, next_event

# Bytes that may wait for a subscriber here, beside what the operating system takes; 32 MB is the default.
LIMIT = 64 * 1024
FRAME = "." * (LIMIT // 4)
MOST_FRAMES = 4096


def lagging(client):
    before = client.config_get("client-output-buffer-limit")
    client.config_set("client-output-buffer-limit", f"pubsub {LIMIT} 0 0")
    try:
        watch_film(client)
    finally:
        client.config_set("client-output-buffer-limit", before["client-output-buffer-limit"])


def watch_film(client):
    with client.pubsub() as sleeping, client.pubsub() as awake:
        for subscriber in (sleeping, awake):
            subscriber.subscribe("film")
            confirmed(subscriber, 1)
        for number in range(MOST_FRAMES):
            receivers = client.publish("film", f"{number} {FRAME}")
            seen = next_event(awake)["data"]
            assert seen == f"{number} {FRAME}", "a frame is missing"
            if receivers == 1:
                print("the sleeping subscriber was cut, the other one saw every frame")
                return
        raise AssertionError("the sleeping subscriber was not cut")
