// The API that other services call: POST /users/<id>/notifications with {"text": "..."}.

import { createServer } from "node:http";

import { channelOf, connect, endOnSignal, expectServer, listen } from "./bus.mjs";

const MOST_BYTES = 10_000;

await expectServer();
const redis = connect();

async function body(request) {
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > MOST_BYTES) throw new Error("too long");
  }
  return JSON.parse(text);
}

// Publishes it and tells how many socket servers have heard of it.
async function notify(user, { text }) {
  if (typeof text !== "string") throw new Error("text is missing");
  const notification = { text, at: new Date().toISOString() };
  return redis.publish(channelOf(user), JSON.stringify(notification));
}

const server = createServer(async (request, response) => {
  const answer = (status, content) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
  };
  const user = request.url.match(/^\/users\/(\w+)\/notifications$/)?.[1];
  if (!user || request.method !== "POST") return answer(404, { error: "POST /users/<id>/notifications" });
  try {
    answer(202, { servers: await notify(user, await body(request)) });
  } catch (error) {
    answer(400, { error: error.message });
  }
});

endOnSignal();
listen(server, "api");
