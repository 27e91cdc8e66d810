// A subscriber that does not read is cut when too much waits for it. Publishers do not wait; others lose nothing.

import { connect, inbox } from "./server.mjs";

// Bytes that may wait for a subscriber here, beside what the operating system takes; 32 MB is the default.
const limit = 64 * 1024;
const frame = ".".repeat(limit / 4);
const mostFrames = 4096;

export async function lagging(client) {
  const before = await client.config("GET", "client-output-buffer-limit");
  await client.config("SET", "client-output-buffer-limit", `pubsub ${limit} 0 0`);
  try {
    await watchFilm(client);
  } finally {
    await client.config("SET", ...before);
  }
}

async function watchFilm(client) {
  const [sleeping, awake] = [connect(), connect()];
  const next = inbox(awake);
  await sleeping.subscribe("film");
  await awake.subscribe("film");
  sleeping.stream.pause();
  try {
    for (let number = 0; number < mostFrames; number += 1) {
      const receivers = await client.publish("film", `${number} ${frame}`);
      const { message } = await next();
      if (message !== `${number} ${frame}`) throw new Error("a frame is missing");
      if (receivers === 1) {
        console.log("the sleeping subscriber was cut, the other one saw every frame");
        return;
      }
    }
    throw new Error("the sleeping subscriber was not cut");
  } finally {
    sleeping.disconnect();
    awake.disconnect();
  }
}
