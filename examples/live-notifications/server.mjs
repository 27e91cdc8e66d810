// A socket.io server. As many may run as there are browsers to serve: each hears all notifications and passes on those
// for users who are connected to it; what concerns everybody goes from one to the others through the adapter.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { Server } from "socket.io";

import { connect, endOnSignal, EVERYBODY, expectServer, listen, userOf } from "./bus.mjs";

await expectServer();
const page = await readFile(new URL("page.html", import.meta.url));
const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(page));

const [publisher, others] = [connect(), connect()];
const io = new Server(server, { adapter: createAdapter(publisher, others) });

io.use((socket, next) => (socket.handshake.auth.user ? next() : next(new Error("who are you?"))));

io.on("connection", async (socket) => {
  await socket.join(socket.handshake.auth.user);
  socket.emit("welcome");
  socket.on("announce", (text) => io.emit("announcement", text));
});

const subscriber = connect();
subscriber.on("pmessage", (_, channel, message) => {
  // The other servers have heard it as well.
  io.local.to(userOf(channel)).emit("notification", JSON.parse(message));
});
await subscriber.psubscribe(EVERYBODY);
// The adapter has subscribed on this connection before; the answer says that the server has done that.
await others.ping();

endOnSignal();
listen(server, "server");
