// socket.io on four processes, two where publishers are and two where subscribers are: at one server, or at two nodes.
// Each process has one browser; every other browser is in the balcony, the rest in the stalls.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";

import { host, Inbox, main, port, subscriberPort, until } from "./harness.mjs";

const ADAPTERS = {
  // With ioredis, on channels.
  classic: (at) => createAdapter(new Redis({ host, port: at }), new Redis({ host, port: at })),
  // With node-redis, on sharded channels.
  sharded: async (at) => {
    const connect = () => createClient({ socket: { host, port: at } }).connect();
    return createShardedAdapter(await connect(), await connect());
  },
};

// One process: does what its parent tells it, and says what came of it.
async function serve(name, adapter, at) {
  const web = createServer();
  const server = new Server(web, { adapter: await ADAPTERS[adapter](Number(at)) });
  server.on("connection", (socket) => {
    socket.data.name = socket.handshake.query.name;
    socket.join(socket.handshake.query.room);
  });
  server.on("note", (text) => process.send({ note: text }));
  server.on("name", (answer) => answer(name));
  const names = (sockets) => sockets.map((socket) => socket.data.name).sort();
  const actions = {
    count: () => server.of("/").adapter.serverCount(),
    cry: (text) => server.emit("news", text),
    cryTo: (room, text) => server.to(room).emit("news", text),
    everybody: async () => names(await server.fetchSockets()),
    everybodyIn: async (room) => names(await server.in(room).fetchSockets()),
    move: (from, to) => server.in(from).socketsJoin(to),
    note: (text) => server.serverSideEmit("note", text),
    namesOfOthers: async () => (await server.serverSideEmitWithAck("name")).sort(),
    sendHome: (room) => server.in(room).disconnectSockets(true),
  };
  process.on("message", async ([action, ...args]) => process.send({ answer: await actions[action](...args) }));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  process.send({ answer: web.address().port });
}

// A process as its parent sees it, with its browser.
class Process {
  notes = [];
  heard = [];
  #answers = new Inbox();

  constructor(name, adapter, at) {
    this.name = name;
    this.child = fork(fileURLToPath(import.meta.url), ["--serve", name, adapter, String(at)]);
    this.child.on("message", ({ note, answer }) => (note ? this.notes.push(note) : this.#answers.put(answer)));
  }

  async answer() {
    const [[answer]] = await this.#answers.take();
    return answer;
  }

  // Tells it to do something and returns what comes of it.
  do(...order) {
    this.child.send(order);
    return this.answer();
  }

  async connectBrowser(webPort, room) {
    const query = { name: this.name, room };
    this.browser = io(`http://127.0.0.1:${webPort}`, { transports: ["websocket"], query, reconnection: false });
    this.browser.on("news", (text) => this.heard.push(text));
    await once(this.browser, "connect");
  }
}

// Processes that know of each other, with a browser each.
async function theatre(adapter) {
  const ports = [port, subscriberPort, port, subscriberPort];
  const rooms = ["balcony", "balcony", "stalls", "stalls"];
  const processes = ["ana", "bea", "cid", "dan"].map((name, n) => new Process(name, adapter, ports[n]));
  const webPorts = await Promise.all(processes.map((process) => process.answer()));
  for (const process of processes) await until(async () => (await process.do("count")) === processes.length);
  await Promise.all(processes.map((process, n) => process.connectBrowser(webPorts[n], rooms[n])));
  if (adapter === "sharded") await shardedChannelsKnown(processes.length);
  return processes;
}

// This adapter has a channel for each process and for each room, and does not wait for their confirmations.
async function shardedChannelsKnown(processes) {
  const client = new Redis({ host, port });
  const prefix = "socket.io#/#";
  const rooms = [`${prefix}balcony#`, `${prefix}stalls#`];
  await until(async () => (await client.pubsub("SHARDCHANNELS", `${prefix}*`)).length === 1 + processes + rooms.length);
  await until(async () => (await client.pubsub("SHARDNUMSUB", ...rooms)).filter((count) => count === 2).length === 2);
}

async function reachRooms(adapter) {
  const processes = await theatre(adapter);
  const [balcony, stalls] = [processes.slice(0, 2), processes.slice(2)];
  const expected = [];
  for (const process of processes) {
    expected.push(process.name);
    await process.do("cryTo", "balcony", process.name);
    for (const { heard } of balcony) await until(() => heard.length === expected.length);
  }
  for (const process of processes) {
    await process.do("cry", "everybody");
    expected.push("everybody");
    for (const { heard } of balcony) await until(() => heard.length === expected.length);
  }
  for (const { heard } of stalls) await until(() => heard.length === processes.length);
  for (const { heard } of balcony) assert.deepEqual(heard, expected);
  for (const { heard } of stalls) assert.deepEqual(heard, Array(processes.length).fill("everybody"));
}

async function askEveryProcess(adapter) {
  const processes = await theatre(adapter);
  const names = processes.map(({ name }) => name);
  for (const process of processes) {
    assert.deepEqual(await process.do("everybody"), names);
    assert.deepEqual(await process.do("everybodyIn", "stalls"), ["cid", "dan"]);
    assert.deepEqual(await process.do("namesOfOthers"), names.filter((name) => name !== process.name));
    await process.do("note", process.name);
    const others = processes.filter((other) => other !== process);
    for (const { notes } of others) await until(() => notes.at(-1) === process.name);
  }
  for (const { name, notes } of processes) assert.deepEqual(notes, names.filter((other) => other !== name));
  await processes[0].do("move", "stalls", "balcony");
  await until(async () => (await processes[1].do("everybodyIn", "balcony")).length === 4);
  await processes[1].do("sendHome", "stalls");
  for (const { browser } of processes.slice(2)) await until(() => browser.disconnected);
  await until(async () => (await processes[0].do("everybody")).length === 2);
}

if (process.argv[2] === "--serve") {
  // It ends with its parent.
  process.on("disconnect", () => process.exit());
  await serve(...process.argv.slice(3));
} else {
  await main({
    rooms_of_all_processes_are_reached: () => reachRooms("classic"),
    all_processes_are_asked_and_answer: () => askEveryProcess("classic"),
    rooms_of_all_processes_are_reached_by_sharded_channels: () => reachRooms("sharded"),
    all_processes_are_asked_and_answer_by_sharded_channels: () => askEveryProcess("sharded"),
  });
}
