// Programs that live on scripts: a lock, limits before web servers, and socket.io's adapter, which another process feeds.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import rateLimit from "@fastify/rate-limit";
import { createAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import express from "express";
import { rateLimit as expressRateLimit } from "express-rate-limit";
import fastify from "fastify";
import { Redis } from "ioredis";
import { BurstyRateLimiter, RateLimiterQueue, RateLimiterRedis } from "rate-limiter-flexible";
import { RedisStore } from "rate-limit-redis";
import { createClient } from "redis";
import Redlock from "redlock";
import { Server } from "socket.io";
import { io } from "socket.io-client";

import { host, main, port, subscriberPort, until } from "./harness.mjs";

const hour = 3_600_000;

function withIoredis(options = {}) {
  return new Redis({ host, port, ...options });
}

function withNodeRedis() {
  return createClient({ socket: { host, port } }).connect();
}

// Two requests go through, the third is refused until the server has forgotten the first two.
async function reachTheLimit(request, client) {
  assert.deepEqual([await request(), await request(), await request()], [200, 200, 429]);
  await client.flushall();
  assert.equal(await request(), 200);
}

async function limitFlexibly(limiter) {
  assert.equal((await limiter.consume("ana")).remainingPoints, 1);
  assert.equal((await limiter.consume("ana")).consumedPoints, 2);
  const refusal = await limiter.consume("ana").then(() => assert.fail("a third one"), (reason) => reason);
  assert.equal(refusal.remainingPoints, 0);
  assert.ok(refusal.msBeforeNext > 0 && refusal.msBeforeNext <= hour);
  assert.equal((await limiter.consume("bea")).remainingPoints, 1);
  assert.equal((await limiter.get("ana")).consumedPoints, 3);
  assert.equal((await limiter.penalty("bea", 5)).consumedPoints, 6);
  assert.equal((await limiter.reward("bea", 5)).consumedPoints, 1);
  assert.ok(await limiter.delete("ana"));
  await limiter.block("bea", hour / 1000);
  await assert.rejects(limiter.consume("bea"), (reason) => reason.remainingPoints === 0);
  assert.equal((await limiter.consume("ana", 2)).remainingPoints, 0);
}

await main({
  async redlock_gives_a_lock_to_one_and_lets_only_that_one_release_it() {
    const client = withIoredis();
    const redlock = new Redlock([client], { retryCount: 0 });
    const lock = await redlock.lock(["seat:1", "seat:2"], hour);
    await assert.rejects(redlock.lock("seat:2", hour), Redlock.LockError);
    const extended = await lock.extend(2 * hour);
    assert.ok((await client.pttl("seat:1")) > hour);
    assert.equal(await client.get("seat:1"), extended.value);
    await extended.unlock();
    await assert.rejects(extended.unlock(), Redlock.LockError);
    assert.equal(await client.dbsize(), 0);
  },

  async redlock_waits_for_a_lock_until_it_is_free_or_expires() {
    const client = withIoredis();
    const redlock = new Redlock([client], { retryCount: -1, retryDelay: 5 });
    const lock = await redlock.lock("seat", hour);
    const waiting = redlock.lock("seat", 20);
    await lock.unlock();
    const short = await waiting;
    const next = await redlock.lock("seat", hour);
    await assert.rejects(new Redlock([client], { retryCount: 0 }).unlock(short), Redlock.LockError);
    assert.equal(await client.get("seat"), next.value);
  },

  async fastify_refuses_requests_beyond_the_limit() {
    const client = withIoredis();
    const app = fastify();
    await app.register(rateLimit, { max: 2, timeWindow: hour, redis: client, skipOnError: false });
    app.get("/seats", () => "42 free");
    await reachTheLimit(async () => (await app.inject("/seats")).statusCode, client);
  },

  async fastify_makes_those_wait_longer_who_go_on_asking() {
    const client = withIoredis();
    const app = fastify();
    await app.register(rateLimit, { max: 1, timeWindow: hour, redis: client, skipOnError: false, exponentialBackoff: true });
    app.get("/seats", () => "42 free");
    for (let i = 0; i < 4; i += 1) await app.inject("/seats");
    const [key] = await client.keys("*");
    assert.ok((await client.pttl(key)) > 3 * hour);
  },

  async express_refuses_requests_beyond_the_limit() {
    const client = withIoredis();
    const app = express();
    const store = new RedisStore({ sendCommand: (command, ...args) => client.call(command, ...args) });
    app.use(expressRateLimit({ windowMs: hour, limit: 2, store }));
    app.get("/seats", (_, response) => response.send("42 free"));
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${server.address().port}/seats`;
    await reachTheLimit(async () => (await fetch(url)).status, client);
    const key = (await client.keys("*"))[0].slice("rl:".length);
    assert.equal((await store.get(key)).totalHits, 1);
    await store.decrement(key);
    await store.resetKey(key);
    assert.equal(await client.dbsize(), 0);
    // Its scripts are loaded again where the server has lost them.
    await client.script("FLUSH");
    assert.equal((await fetch(url)).status, 200);
  },

  async rate_limiter_flexible_limits_by_ioredis() {
    await limitFlexibly(new RateLimiterRedis({ storeClient: withIoredis(), points: 2, duration: hour / 1000 }));
  },

  async rate_limiter_flexible_limits_by_node_redis() {
    const storeClient = await withNodeRedis();
    await limitFlexibly(new RateLimiterRedis({ storeClient, useRedisPackage: true, points: 2, duration: hour / 1000 }));
  },

  async rate_limiter_flexible_lets_bursts_and_queues_through() {
    const storeClient = withIoredis();
    const limiter = (points, keyPrefix) =>
      new RateLimiterRedis({ storeClient, points, keyPrefix, duration: hour / 1000 });
    const bursty = new BurstyRateLimiter(limiter(1, "steady"), limiter(2, "burst"));
    for (let i = 0; i < 3; i += 1) await bursty.consume("ana");
    await assert.rejects(bursty.consume("ana"));
    const queue = new RateLimiterQueue(limiter(2, "queue"), { maxQueueSize: 1 });
    assert.equal(await queue.removeTokens(2, "ana"), 0);
  },

  async socket_io_takes_what_another_process_emits() {
    const [sub, pub] = [withIoredis({ port: subscriberPort }), withIoredis({ port: subscriberPort })];
    const emitting = withIoredis();
    const web = createServer();
    const server = new Server(web, { adapter: createAdapter(pub, sub) });
    server.on("connection", (socket) => socket.join("balcony"));
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    const browser = io(`http://127.0.0.1:${web.address().port}`, { transports: ["websocket"] });
    const heard = new Promise((resolve) => browser.on("news", resolve));
    await new Promise((resolve) => browser.on("connect", resolve));
    await until(async () => (await emitting.pubsub("NUMPAT")) === 1);
    const emitter = new Emitter(emitting);
    emitter.to("stalls").emit("news", "not for you");
    emitter.to("balcony").emit("news", "hear ye");
    assert.equal(await heard, "hear ye");
  },
});
