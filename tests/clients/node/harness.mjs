// What the Node programs share: the environment, the inbox of a subscriber, and the way to ask something of the harness.

import { readFileSync, readSync } from "node:fs";
import { createInterface } from "node:readline";

export const host = process.env.PREGON_HOST ?? "127.0.0.1";
export const port = Number(process.env.PREGON_PORT ?? "6379");
// Where to subscribe: at the same server, or at another node of its deployment.
export const subscriberPort = Number(process.env.PREGON_SUBSCRIBER_PORT ?? port);
export const resp = Number(process.env.PREGON_RESP ?? "3");
// What a connection over TLS needs; undefined for a plain one.
const file = (variable) => process.env[variable] && readFileSync(process.env[variable]);
export const tls = process.env.PREGON_CA && {
  ca: file("PREGON_CA"),
  cert: file("PREGON_CERT"),
  key: file("PREGON_KEY"),
  maxVersion: process.env.PREGON_TLS_MAX,
};
// The same for the certificate that a renewal brings, and what the library is to say of one that it refuses.
export const nextTls = tls && { ...tls, ca: file("PREGON_NEXT_CA") };
export const refusedCertificate = process.env.PREGON_REFUSAL;
export const password = process.env.PREGON_PASSWORD;

// A name and a message with every byte value, CR LF and NUL included.
export const everyByte = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

// Two messages of a megabyte and a bit.
export const megabytes = ["a", "z"].map((filler) =>
  Buffer.concat([Buffer.from(filler), Buffer.alloc(1024 * 1024, everyByte), Buffer.from(filler)]),
);

export const thousandChannels = Array.from({ length: 1000 }, (_, n) => `channel:${n}`);

// What the server answers.
export const wrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";
export const unknownProclaim = "ERR unknown command 'PROCLAIM', with args beginning with: 'news' 'hello' ";

const deadlineMs = 20_000;

// What a subscriber's listener was called with, in order.
export class Inbox {
  #received = [];
  #wake = () => {};

  // The listener: keeps its arguments.
  put = (...args) => {
    this.#received.push(args);
    this.#wake();
  };

  // Removes and returns the next `count` calls as soon as they are there.
  async take(count = 1) {
    while (this.#received.length < count) {
      await new Promise((resolve) => (this.#wake = resolve));
    }
    return this.#received.splice(0, count);
  }
}

// Asks `condition` again until it holds. A case that never gets there ends with the deadline of the whole program.
export async function until(condition) {
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// What PUBLISH answers when so many hear it: those at its own node.
export function counted(receivers) {
  return subscriberPort === port ? receivers : 0;
}

// Resolves when the harness has done this: "restart" starts the server where subscribers are again, on the same port.
export async function ask(order) {
  const lines = createInterface({ input: process.stdin });
  console.log(`@${order}`);
  const answer = await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
  if (answer !== "ok") throw new Error(`the harness answered ${answer}`);
}

// The same while nothing else of this program has its turn: nothing is read from sockets.
export function askAlone(order) {
  console.log(`@${order}`);
  const answer = Buffer.alloc(3);
  if (readSync(0, answer) !== 3 || answer.toString() !== "ok\n") throw new Error(`the harness answered ${answer}`);
}

// Channels on which the harness publishes beside that.
export const sides = Array.from({ length: 10 }, (_, n) => `side:${n}`);

// What the harness publishes when it is asked for a flood, without what is lost: rising numbers from 0 on, and the end.
export function checkFlood(messages) {
  const numbers = messages.slice(0, -1).map((message) => Number(message.split(":")[0]));
  numbers.forEach((number, place) => {
    if (place === 0 ? number !== 0 : !(number > numbers[place - 1])) throw new Error(`${number} is out of order`);
  });
  if (messages.at(-1) !== "last" || numbers.length >= 1500) throw new Error("nothing was lost");
}

// The fields of one line of CLIENT LIST or CLIENT INFO.
export function clientFields(line) {
  return Object.fromEntries(line.trim().split(" ").map((field) => field.split(/=(.*)/s, 2)));
}

// Runs the case that the first argument names, or lists all of them.
export async function main(cases) {
  const name = process.argv[2];
  if (name === "--list") {
    console.log(Object.keys(cases).join("\n"));
    return;
  }
  setTimeout(() => {
    console.error("the case did not end in time");
    process.exit(1);
  }, deadlineMs);
  await cases[name]();
  process.exit(0);
}
