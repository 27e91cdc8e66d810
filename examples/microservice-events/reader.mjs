// What a browser does: node reader.mjs URL shows the posts as they come.

import { io } from "socket.io-client";

const socket = io(process.argv[2]);
socket.on("connect", () => console.log("reader ready"));
socket.on("blogpost", ({ author, title }) => console.log(`reader sees "${title}" by ${author}`));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit());
