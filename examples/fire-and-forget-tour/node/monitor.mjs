// Shows which channels have how many subscribers, whenever that changes: `node monitor.mjs` or `... 'logs:*'`.

import { setTimeout as pause } from "node:timers/promises";

import { connectForGood, expectServer } from "./server.mjs";

const interval = 500;

async function snapshot(client, pattern) {
  const names = (await client.pubsub("CHANNELS", pattern)).sort();
  const counts = await client.pubsub("NUMSUB", ...names);
  const channels = names.map((name, n) => `${name} ${counts[2 * n + 1]}`).join(", ") || "no channels";
  return `${channels}; patterns ${await client.pubsub("NUMPAT")}`;
}

const [pattern = "*"] = process.argv.slice(2);
await expectServer();
const client = connectForGood();
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
let shown;
while (!interrupted.signal.aborted) {
  const seen = await snapshot(client, pattern);
  if (seen !== shown) console.log(seen);
  shown = seen;
  await pause(interval, undefined, { signal: interrupted.signal }).catch(() => {});
}
client.disconnect();
