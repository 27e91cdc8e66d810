// Everything of classic publish and subscribe, station by station.

import { lagging } from "./slow.mjs";
import { reconnecting } from "./resilient.mjs";
import { connect, expectServer, hear, inbox, publish } from "./server.mjs";

async function channels(client) {
  const subscriber = connect();
  const next = inbox(subscriber);
  await subscriber.subscribe("news", "sport");
  await publish(client, "news", "hello");
  await hear(next);
  await publish(client, "sport", "goal");
  await hear(next);
  await subscriber.unsubscribe("news");
  await publish(client, "news", "while nobody listens");
  await subscriber.subscribe("news");
  await publish(client, "news", "good evening");
  await hear(next);
  subscriber.disconnect();
}

async function patterns(client) {
  const subscriber = connect();
  const next = inbox(subscriber);
  const all = ["notifications:*", "logs:*:error", "user:?", "sensor:[abc]"];
  await subscriber.psubscribe(...all);
  for (const channel of ["notifications:email", "logs:web:error", "user:7", "sensor:b"]) {
    await publish(client, channel, "matches");
    await hear(next);
  }
  for (const channel of ["notification", "logs:web:info", "user:42", "sensor:d"]) {
    await publish(client, channel, "does not match");
  }
  await subscriber.subscribe("user:7");
  await publish(client, "user:7", "comes twice");
  await hear(next);
  await hear(next);
  // Named one by one: ioredis takes "all of them" for done only when no channel is left either.
  await subscriber.punsubscribe(...all);
  await publish(client, "user:7", "comes once");
  await hear(next);
  subscriber.disconnect();
}

async function introspection(client) {
  const [first, second] = [connect(), connect()];
  await first.subscribe("news", "sport");
  await second.subscribe("news");
  await second.psubscribe("logs:*:error");
  const counts = await client.pubsub("NUMSUB", "news", "sport", "chess");
  const pairs = counts.flatMap((name, n) => (n % 2 === 0 ? [`${name}:${counts[n + 1]}`] : []));
  console.log("PUBSUB CHANNELS ->", ...(await client.pubsub("CHANNELS")).sort());
  console.log("PUBSUB CHANNELS s* ->", ...(await client.pubsub("CHANNELS", "s*")));
  console.log("PUBSUB NUMSUB ->", ...pairs);
  console.log("PUBSUB NUMPAT ->", await client.pubsub("NUMPAT"));
  first.disconnect();
  second.disconnect();
}

await expectServer();
const client = connect();
for (const station of [channels, patterns, introspection, reconnecting, lagging]) {
  console.log(`== ${station.name}`);
  await station(client);
}
client.disconnect();
