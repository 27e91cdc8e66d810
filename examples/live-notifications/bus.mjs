// What everybody agrees on: where the server is, and the channels.

import { Redis } from "ioredis";

const CHANNEL = "notifications:user:";

export const EVERYBODY = `${CHANNEL}*`;

export const channelOf = (user) => CHANNEL + user;

export const userOf = (channel) => channel.slice(CHANNEL.length);

export const connect = () => new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");

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
