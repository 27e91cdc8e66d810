// Two socket servers, the API, and three devices of two users.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { expectServer } from "./bus.mjs";

const running = [];

// Starts a program; `next` answers its next line.
function start(program, ...args) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  running.push(child);
  return { child, next: async () => (await lines.next()).value, say: (text) => child.stdin.write(`${text}\n`) };
}

// The address that a program says it is ready at.
const address = async (part) => (await part.next()).split(" ").at(-1);

const show = async (...parts) => {
  for (const part of parts) console.log(await part.next());
};

await expectServer();
const servers = [start("server.mjs"), start("server.mjs")];
const [one, two] = await Promise.all(servers.map(address));
const api = await address(start("api.mjs"));

const anaAtHome = start("client.mjs", one, "ana");
const anaOnTheRoad = start("client.mjs", two, "ana");
const bea = start("client.mjs", two, "bea");
await show(anaAtHome, anaOnTheRoad, bea);

await show(start("notify.mjs", api, "ana", "your parcel is on its way 📦"));
await show(anaAtHome, anaOnTheRoad);

await show(start("notify.mjs", api, "bea", "¡cumpleaños feliz!"));
await show(bea);

anaAtHome.say("closing at ten");
await show(anaAtHome, anaOnTheRoad, bea);

const ended = running.filter((child) => child.exitCode === null).map((child) => once(child, "exit"));
running.forEach((child) => child.kill("SIGTERM"));
await Promise.all(ended);
