"""Queues of jobs that need hashes, sets, sorted sets or scripts: Celery with results, and RQ."""

import operator

from celery import Celery, chord, group
from celery.contrib.testing.worker import start_worker
from harness import DEADLINE, HOST, PORT, case, main
from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.command import send_shutdown_command

URL = f"redis://{HOST}:{PORT}/1"


@case
def celery_runs_tasks_and_brings_their_results():
    app = Celery("jobs", broker=URL, backend=URL)

    @app.task
    def double(number):
        return 2 * number

    @app.task
    def total(numbers):
        return sum(numbers)

    @app.task(bind=True, max_retries=2)
    def third_time(task):
        if task.request.retries < 2:
            raise task.retry(countdown=0)
        return "done"

    with start_worker(app, pool="solo", concurrency=1, perform_ping_check=False, loglevel="error"):
        assert double.delay(21).get(timeout=DEADLINE) == 42
        results = group(double.s(number) for number in range(10)).apply_async()
        assert results.get(timeout=DEADLINE) == [2 * number for number in range(10)]
        assert chord((double.s(1), double.s(2)), total.s()).apply_async().get(timeout=DEADLINE) == 6
        assert third_time.delay().get(timeout=DEADLINE) == "done"


@case
def rq_runs_jobs_and_brings_their_results():
    connection = Redis.from_url(URL)
    queue = Queue("jobs", connection=connection)
    first = queue.enqueue(operator.mul, 6, 7)
    behind = queue.enqueue(operator.add, 1, 2, depends_on=first)
    fails = queue.enqueue(operator.truediv, 1, 0, retry=Retry(max=1))
    worker = SimpleWorker([queue], connection=connection)
    worker.work(burst=True, logging_level="ERROR")
    assert (first.return_value(), behind.return_value()) == (42, 3)
    assert fails.get_status(refresh=True) == "failed", fails.get_status()
    assert len(queue.failed_job_registry) == 1
    # Workers are given orders by messages.
    with connection.pubsub() as orders:
        orders.subscribe("rq:pubsub:worker")
        assert orders.get_message(timeout=DEADLINE)["type"] == "subscribe"
        send_shutdown_command(connection, "worker")
        assert orders.get_message(timeout=DEADLINE)["data"].endswith(b'"command": "shutdown"}')


main()
