// A queue of jobs that lives on hashes, sorted sets, streams and scripts: BullMQ.

import assert from "node:assert/strict";

import { Queue, QueueEvents, Worker } from "bullmq";

import { host, main, port } from "./harness.mjs";

const connection = { host, port, maxRetriesPerRequest: null };

await main({
  async bullmq_runs_jobs_and_brings_their_results() {
    const queue = new Queue("jobs", { connection });
    const events = new QueueEvents("jobs", { connection });
    await events.waitUntilReady();
    let attempts = 0;
    const worker = new Worker(
      "jobs",
      async (job) => {
        if (job.name === "again" && (attempts += 1) < 3) {
          throw new Error("not yet");
        }
        return 2 * job.data.number;
      },
      { connection },
    );
    await worker.waitUntilReady();
    const jobs = await queue.addBulk([1, 2, 3].map((number) => ({ name: "double", data: { number } })));
    assert.deepEqual(await Promise.all(jobs.map((job) => job.waitUntilFinished(events))), [2, 4, 6]);
    const later = await queue.add("double", { number: 21 }, { delay: 50, priority: 1 });
    assert.equal(await later.waitUntilFinished(events), 42);
    const again = await queue.add("again", { number: 4 }, { attempts: 3 });
    assert.equal(await again.waitUntilFinished(events), 8);
    assert.equal(await queue.getCompletedCount(), 5);
    await Promise.all([worker.close(), events.close(), queue.close()]);
  },
});
