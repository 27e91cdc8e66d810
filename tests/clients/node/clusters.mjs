// ioredis and node-redis as clients that know of clusters.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { ask, host, Inbox, main, port, tls, until } from "./harness.mjs";

const keys = Array.from({ length: 300 }, (_, n) => `key:${n}`);

async function ioredis() {
  const client = new Cluster([{ host, port }], { clusterRetryStrategy: () => 50 });
  await once(client, "ready");
  return client;
}

// node-redis asks anew which nodes there are when it has tried to reach one for so long, in milliseconds; 5000 unless it is told.
async function nodeRedis() {
  const rootNodes = [{ url: `redis://${host}:${port}` }];
  const client = createCluster({ rootNodes, topologyRefreshOnReconnectionAttemptStrategy: 100 });
  client.on("error", () => {});
  return await client.connect();
}

// Each node has about its share of the keys, and all of them together.
function expectShares(counts) {
  assert.equal(counts.length, 3);
  assert.equal(counts.reduce((sum, count) => sum + count), keys.length);
  assert.ok(counts.every((count) => count > 50 && count < 150), String(counts));
}

await main({
  async ioredis_finds_all_nodes_by_one_and_each_key_at_its_own() {
    const client = await ioredis();
    await Promise.all(keys.map((key) => client.set(key, `of ${key}`)));
    assert.deepEqual(await Promise.all(keys.map((key) => client.get(key))), keys.map((key) => `of ${key}`));
    expectShares(await Promise.all(client.nodes("master").map((node) => node.dbsize())));
    // What is pipelined or one transaction lies on one node: braces keep it together.
    const pipelined = await client.pipeline().incr("{seat}:1").incr("{seat}:1").get("{seat}:1").exec();
    assert.deepEqual(pipelined, [[null, 1], [null, 2], [null, "2"]]);
    assert.deepEqual(await client.multi().incr("{seat}:1").publish("news", "taken").exec(), [[null, 3], [null, 0]]);
    await assert.rejects(client.mset("a", 1, "b", 2), /CROSSSLOT/);
    assert.equal(await client.eval("return redis.call('GET', KEYS[1])", 1, keys[7]), `of ${keys[7]}`);
  },

  async ioredis_finds_all_nodes_over_tls() {
    const client = new Cluster([{ host, port }], { redisOptions: { tls } });
    await once(client, "ready");
    await Promise.all(keys.map((key) => client.set(key, `of ${key}`)));
    assert.deepEqual(await Promise.all(keys.map((key) => client.get(key))), keys.map((key) => `of ${key}`));
    expectShares(await Promise.all(client.nodes("master").map((node) => node.dbsize())));
    assert.ok(client.nodes("master").some((node) => node.options.port === port));
    client.disconnect();
  },

  async ioredis_publishes_at_any_node_and_hears_at_another() {
    const client = await ioredis();
    const subscriber = new Cluster([{ host, port }], { shardedSubscribers: true });
    await once(subscriber, "ready");
    const inbox = new Inbox();
    subscriber.on("message", inbox.put);
    subscriber.on("smessage", (channel, message) => inbox.put(channel, message));
    await subscriber.subscribe("news");
    for (const node of client.nodes("master")) {
      await node.publish("news", "from any");
      assert.deepEqual(await inbox.take(), [["news", "from any"]]);
    }
    for (let n = 0; n < 9; n += 1) {
      await subscriber.ssubscribe(`orders:${n}`);
      for (const node of client.nodes("master")) {
        await node.spublish(`orders:${n}`, "from any");
        assert.deepEqual(await inbox.take(), [[`orders:${n}`, "from any"]]);
      }
    }
  },

  async ioredis_goes_on_when_a_node_leaves() {
    const client = await ioredis();
    for (const key of keys) await client.set(key, "before");
    const other = client.nodes("master").find((node) => node.options.port !== port);
    await ask(`end ${other.options.port}`);
    for (const key of keys) assert.equal(await client.set(key, "after"), "OK");
    for (const key of keys) assert.equal(await client.get(key), "after");
    await until(() => client.nodes("master").length === 2);
  },

  async node_redis_finds_all_nodes_by_one_and_each_key_at_its_own() {
    const client = await nodeRedis();
    await Promise.all(keys.map((key) => client.set(key, `of ${key}`)));
    assert.deepEqual(await Promise.all(keys.map((key) => client.get(key))), keys.map((key) => `of ${key}`));
    const nodes = await Promise.all(client.masters.map((node) => client.nodeClient(node)));
    expectShares(await Promise.all(nodes.map((node) => node.dbSize())));
    const queued = client.multi().incr("{seat}:1").incr("{seat}:1").publish("news", "taken");
    assert.deepEqual(await queued.exec(), [1, 2, 0]);
    // Several keys of one command are divided among their nodes.
    assert.equal(await client.mSet({ a: "1", b: "2", c: "3" }), "OK");
    assert.deepEqual(await client.mGet(["a", "b", "c"]), ["1", "2", "3"]);
    const script = "return redis.call('GET', KEYS[1])";
    assert.equal(await client.eval(script, { keys: [keys[7]], arguments: [] }), `of ${keys[7]}`);
  },

  async node_redis_publishes_at_any_node_and_hears_at_another() {
    const [client, subscriber] = [await nodeRedis(), await nodeRedis()];
    const nodes = await Promise.all(client.masters.map((node) => client.nodeClient(node)));
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put);
    for (const node of nodes) {
      await node.publish("news", "from any");
      assert.deepEqual(await inbox.take(), [["from any", "news"]]);
    }
    for (let n = 0; n < 9; n += 1) {
      await subscriber.sSubscribe(`orders:${n}`, inbox.put);
      for (const node of nodes) {
        await node.sPublish(`orders:${n}`, "from any");
        assert.deepEqual(await inbox.take(), [["from any", `orders:${n}`]]);
      }
    }
  },

  async node_redis_goes_on_when_a_node_leaves() {
    const client = await nodeRedis();
    for (const key of keys) await client.set(key, "before");
    const other = client.masters.find((node) => node.port !== port);
    await ask(`end ${other.port}`);
    // What waits for a node that has gone fails once it is known to have.
    await until(() => Promise.all(keys.map((key) => client.set(key, "after"))).catch(() => false));
    for (const key of keys) assert.equal(await client.get(key), "after");
    await until(() => client.masters.length === 2);
  },
});
