// Connections to the server, and what the stations do with them.

import { EventEmitter, on } from "node:events";
import { Redis } from "ioredis";

const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";

// Milliseconds after which a station that still waits for a message gives up.
export const deadline = 10_000;

// Ends the program with one line when there is no server.
export async function expectServer() {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 5000, retryStrategy: null });
  let reason;
  client.on("error", (error) => (reason = error));
  try {
    await client.connect();
    client.disconnect();
  } catch (closed) {
    const help = "Start a server there with `cargo run --release`, or name another one in REDIS_URL.";
    console.error(`${(reason ?? closed).message}. ${help}`);
    process.exit(1);
  }
}

export function connect(options = {}) {
  return new Redis(url, options);
}

// A client that tries for ever to come back, after pauses of up to a second, and notices a peer that is gone.
export function connectForGood(options = {}) {
  const retryStrategy = (attempt) => Math.min(50 * attempt, 1000);
  const client = connect({ retryStrategy, maxRetriesPerRequest: null, keepAlive: 5000, ...options });
  return client.on("error", (error) => console.error(error.message));
}

// A function that resolves to the next message of the subscriber, by whatever subscription it came.
export function inbox(subscriber) {
  const events = new EventEmitter();
  subscriber.on("message", (channel, message) => events.emit("event", { channel, message }));
  subscriber.on("pmessage", (pattern, channel, message) => events.emit("event", { pattern, channel, message }));
  return queue(events);
}

// A function that resolves to the next value of which `events` tells.
export function queue(events) {
  const values = on(events, "event", { signal: AbortSignal.timeout(deadline) });
  return async () => (await values.next()).value[0];
}

// Publishing resolves to how many deliveries that meant.
export async function publish(client, channel, message) {
  console.log(`PUBLISH ${channel} ${message} -> ${await client.publish(channel, message)}`);
}

export async function hear(next) {
  const { pattern, channel, message } = await next();
  console.log(`  ${channel}${pattern ? ` by ${pattern}` : ""}: ${message}`);
}
