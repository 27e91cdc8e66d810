// What everybody agrees on: where the server is, and the channels.

import { Redis } from "ioredis";

const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";

const CHANNEL = "notifications:user:";

export const EVERYBODY = `${CHANNEL}*`;

export const channelOf = (user) => CHANNEL + user;

export const userOf = (channel) => channel.slice(CHANNEL.length);

export const connect = () => new Redis(url);

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

// Listens on PORT, or on one that is free, and says where.
export function listen(server, what) {
  server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
    console.log(`${what} ready at http://127.0.0.1:${server.address().port}`);
  });
}

// Ends when it is told to, at once: nothing is kept here.
export function endOnSignal() {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit());
}
