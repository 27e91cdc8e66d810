// A user's device: node client.mjs URL USER shows what comes, and announces to everybody what is typed.

import { createInterface } from "node:readline";

import { io } from "socket.io-client";

import { endOnSignal } from "./bus.mjs";

const [url, user] = process.argv.slice(2);
const socket = io(url, { auth: { user } });

socket.on("welcome", () => console.log(`${user} is connected`));
socket.on("notification", ({ text }) => console.log(`${user} is notified: ${text}`));
socket.on("announcement", (text) => console.log(`${user} hears: ${text}`));
socket.on("connect_error", (error) => console.log(`${user} is refused: ${error.message}`));

createInterface({ input: process.stdin }).on("line", (text) => socket.emit("announce", text));
endOnSignal();
