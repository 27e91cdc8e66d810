"""Two nodes in front of a Redis: it has the keys, in which a queue of jobs lives, and they serve those who listen."""

import sys

import redis
from nodes import Deployment, Redis, until
from rq import Queue, SimpleWorker
from work import CHANNEL, multiply

LISTENERS = 20


def listen(node):
    listening = node.connect().pubsub()
    listening.subscribe(CHANNEL)
    until("a subscription is confirmed", lambda: listening.get_message(timeout=1))
    return listening


def hear(listening):
    heard = []
    until("a message comes", lambda: heard.append(listening.get_message(timeout=1)) or heard[-1])
    return heard[-1]["data"]


def main():
    with Deployment(["one", "two"], Redis, ["--backplane-keys", "forward", "--maxclients", "1000"]) as nodes:
        one, two = nodes.values()
        listeners = [listen(node) for node in nodes.values() for _ in range(LISTENERS // 2)]
        behind = redis.Redis(port=one.engine.port)
        print(f"{LISTENERS} listen at the nodes, and Redis has {behind.pubsub_numsub(CHANNEL)[0][1]} subscribers")

        # RQ keeps jobs in hashes, sets and sorted sets, and runs scripts, none of which a node has itself.
        at_one, at_two = (redis.Redis(port=node.port) for node in (one, two))
        queue = Queue("jobs", connection=at_one)
        jobs = [queue.enqueue(multiply, two.port, 6, number) for number in (7, 8, 9)]
        print(f"queued at one: {len(queue)} jobs")
        SimpleWorker([Queue("jobs", connection=at_two)], connection=at_two).work(burst=True, logging_level="ERROR")
        for job in jobs:
            heard = {hear(listening) for listening in listeners}
            print(f"all {LISTENERS} heard of it: {heard.pop()}" if len(heard) == 1 else sys.exit(f"heard: {heard}"))
        print("results at one:", *(job.return_value() for job in jobs))
    print("the end")


if __name__ == "__main__":
    main()
