// A subscriber that comes back when its connection is lost: `node resilient.mjs weather traffic`.
//
// ioredis connects again by itself. What was said meanwhile is gone: this is fire and forget.

import { EventEmitter } from "node:events";
import { fileURLToPath } from "node:url";

import { connectForGood, expectServer, publish, queue } from "./server.mjs";

const name = "tour-resilient";

// Calls `heard` with channel and message for ever, and with channel and null whenever it begins to listen.
function listen(channels, heard) {
  const subscriber = connectForGood({ connectionName: name, autoResubscribe: false });
  subscriber.on("message", heard);
  subscriber.on("ready", async () => {
    await subscriber.subscribe(...channels);
    for (const channel of channels) heard(channel, null);
  });
  return subscriber;
}

function show(channel, message) {
  console.log(message === null ? `listening to ${channel}` : `${channel}: ${message}`);
}

export async function reconnecting(client) {
  const events = new EventEmitter();
  const next = queue(events);
  const subscriber = listen(["weather"], (...event) => events.emit("event", event));
  show(...(await next()));
  await publish(client, "weather", "sunny");
  show(...(await next()));
  await kill(client);
  show(...(await next()));
  await publish(client, "weather", "cloudy");
  show(...(await next()));
  subscriber.disconnect();
}

// Closes the subscriber's connection, as an operator can.
async function kill(client) {
  const peers = (await client.client("LIST", "TYPE", "pubsub")).split("\n");
  const id = /^id=(\d+)/.exec(peers.find((peer) => peer.includes(` name=${name} `)))[1];
  console.log("CLIENT KILL ->", await client.client("KILL", "ID", id));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await expectServer();
  const subscriber = listen(process.argv.slice(2), show);
  process.once("SIGINT", () => subscriber.disconnect());
}
