// Passes every event on to the browsers that are connected.

import { createServer } from "node:http";

import { Redis } from "ioredis";
import { Server } from "socket.io";

const PREFIX = "events:";

const server = createServer();
const io = new Server(server, { cors: { origin: true } });

const subscriber = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
subscriber.on("pmessage", (_, channel, message) => io.emit(channel.slice(PREFIX.length), JSON.parse(message)));
await subscriber.psubscribe(`${PREFIX}*`);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit());
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`relay ready at http://127.0.0.1:${server.address().port}`);
});
