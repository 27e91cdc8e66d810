"""Three nodes are one: a message crosses, a node dies, the others go on, and it comes back."""

import sys

import redis
from nodes import Deployment, until

CHANNEL = "news"


class Subscriber:
    """A client that listens at one node, and comes back to it."""

    def __init__(self, node):
        self.name = node.name
        self.listening = node.connect().pubsub()
        self.listening.subscribe(CHANNEL)
        self.expect("subscribe", f"{self.name}: listening")

    def event(self):
        """The next one of what the node says. redis-py subscribes again by itself, as soon as it is asked for more."""
        heard = []

        def hear():
            try:
                heard.append(self.listening.get_message(timeout=1))
            except redis.ConnectionError:
                heard.append({"type": "lost"})
            return heard[-1]

        until(f"{self.name} says something", hear)
        return heard[-1]

    def expect(self, kind, text=None):
        event = self.event()
        if event["type"] != kind:
            sys.exit(f"{self.name} heard {event}, not {kind}")
        print(text or f"{self.name}: {event['data']}")


def publish(node, text):
    with node.connect() as client:
        # The number is of those at this node; how many listen elsewhere is not counted.
        print(f"published at {node.name}, heard by {client.publish(CHANNEL, text)} there: {text}")


def main():
    deployment = Deployment(["one", "two", "three"])
    with deployment as nodes:
        one, two, three = nodes.values()
        print("one, two and three know each other")
        at_one, at_two, at_three = subscribers = [Subscriber(node) for node in nodes.values()]
        publish(one, "hear ye")
        for subscriber in subscribers:
            subscriber.expect("message")

        two.die()
        at_two.expect("lost", "two: dead")
        publish(three, "two is dead")
        at_one.expect("message")
        at_three.expect("message")
        for node in (one, three):
            until("two counts as gone", lambda node=node: node.sees(["one", "three"]))
        print("two counts as gone")

        two.start()
        deployment.expect_joined(two)
        until("two serves its subscriber", lambda: at_two.event()["type"] == "subscribe")
        print("two: listening again; what was said meanwhile it has missed")
        publish(one, "two is back")
        for subscriber in subscribers:
            subscriber.expect("message")
    print("the end")


if __name__ == "__main__":
    main()
