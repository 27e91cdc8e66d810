// Passes every event on to the browsers that are connected.

import { createServer } from "node:http";

import { Redis } from "ioredis";
import { Server } from "socket.io";

const PREFIX = "events:";

const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";

// Ends the program with one line when there is no server.
async function expectServer() {
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

await expectServer();
const server = createServer();
const io = new Server(server, { cors: { origin: true } });

const subscriber = new Redis(url);
subscriber.on("pmessage", (_, channel, message) => io.emit(channel.slice(PREFIX.length), JSON.parse(message)));
await subscriber.psubscribe(`${PREFIX}*`);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit());
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`relay ready at http://127.0.0.1:${server.address().port}`);
});
