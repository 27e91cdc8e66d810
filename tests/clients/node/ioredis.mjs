// ioredis: one connection for publishing, one for each subscriber.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Redis } from "ioredis";
import {
  ask,
  askAlone,
  checkFlood,
  clientFields,
  counted,
  everyByte,
  host,
  Inbox,
  main,
  megabytes,
  nextTls,
  password,
  port,
  refusedCertificate,
  resp,
  sides,
  subscriberPort,
  thousandChannels,
  tls,
  unknownProclaim,
  until,
  wrongPassword,
} from "./harness.mjs";

function connect(options = {}) {
  return new Redis({ host, port, tls, protocol: resp, ...options });
}

// A new connection with an inbox for each kind of message.
function subscriber(options) {
  const client = connect({ port: subscriberPort, ...options });
  const inbox = new Inbox();
  client.on("message", inbox.put);
  client.on("pmessage", inbox.put);
  client.on("smessage", inbox.put);
  return { client, inbox };
}

async function refusal(options) {
  const [error] = await once(connect(options), "error");
  return error.message;
}

await main({
  async the_connection_speaks_the_protocol_asked_for() {
    const info = clientFields(await connect().client("INFO"));
    assert.equal(info.resp, String(resp));
  },

  async a_message_arrives_as_it_was_published() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    assert.equal(await client.subscribe("news"), 1);
    await publisher.publish("news", "¡se hace saber!");
    await publisher.publish("news", "");
    assert.deepEqual(await inbox.take(2), [["news", "¡se hace saber!"], ["news", ""]]);
  },

  async publish_counts_its_receivers() {
    const publisher = connect();
    const [first, second] = [subscriber(), subscriber()];
    assert.equal(await publisher.publish("news", "nobody listens"), 0);
    await first.client.subscribe("news");
    await second.client.subscribe("news");
    assert.equal(await publisher.publish("news", "two listen"), 2);
    assert.equal(await first.client.psubscribe("n*", "*s"), 3);
    assert.equal(await publisher.publish("news", "one of them three times"), 4);
    assert.deepEqual(await second.inbox.take(), [["news", "two listen"]]);
  },

  async a_pattern_delivers_pattern_channel_and_message() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.psubscribe("weather.[a-c]*.?ay");
    assert.equal(await publisher.publish("weather.delhi.day", "no match"), 0);
    assert.equal(await publisher.publish("weather.bilbao.day", "rain"), counted(1));
    assert.deepEqual(await inbox.take(), [["weather.[a-c]*.?ay", "weather.bilbao.day", "rain"]]);
  },

  async sharded_messages_reach_only_sharded_subscribers() {
    const publisher = connect();
    const [sharded, plain] = [subscriber(), subscriber()];
    assert.equal(await sharded.client.ssubscribe("orders"), 1);
    await plain.client.subscribe("orders");
    assert.equal(await publisher.spublish("orders", "sharded"), counted(1));
    assert.equal(await publisher.publish("orders", "plain"), counted(1));
    assert.deepEqual(await sharded.inbox.take(), [["orders", "sharded"]]);
    assert.deepEqual(await plain.inbox.take(), [["orders", "plain"]]);
    assert.deepEqual(await publisher.pubsub("SHARDCHANNELS"), ["orders"]);
    assert.deepEqual(await publisher.pubsub("SHARDNUMSUB", "orders"), ["orders", 1]);
    assert.equal(await sharded.client.sunsubscribe("orders"), 0);
    assert.equal(await publisher.spublish("orders", "sharded"), 0);
  },

  async several_subscriptions_share_one_connection() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    assert.equal(await client.subscribe("news", "sport"), 2);
    assert.equal(await client.psubscribe("s*"), 3);
    await publisher.publish("news", "one");
    await publisher.publish("sport", "two");
    await publisher.publish("stars", "three");
    assert.deepEqual(await inbox.take(4), [
      ["news", "one"],
      ["sport", "two"],
      ["s*", "sport", "two"],
      ["s*", "stars", "three"],
    ]);
  },

  async unsubscribing_one_channel_keeps_the_others() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("news", "sport");
    assert.equal(await client.unsubscribe("news"), 1);
    assert.equal(await publisher.publish("news", "unheard"), 0);
    assert.equal(await publisher.publish("sport", "heard"), counted(1));
    assert.deepEqual(await inbox.take(), [["sport", "heard"]]);
  },

  async unsubscribing_from_all_ends_delivery() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("news", "sport");
    await client.psubscribe("*");
    // ioredis holds back the reply to unsubscribe() until the connection has no subscription left at all.
    assert.equal(await client.punsubscribe("*"), 2);
    assert.equal(await client.unsubscribe(), 0);
    assert.equal(await publisher.publish("news", "unheard"), 0);
    await client.subscribe("marker");
    await publisher.publish("marker", "reached");
    assert.deepEqual(await inbox.take(), [["marker", "reached"]]);
  },

  async introspection_names_and_counts_subscriptions() {
    const publisher = connect();
    const [first, second] = [subscriber().client, subscriber().client];
    await first.subscribe("news.es", "news.fr", "sport");
    await second.subscribe("news.es");
    await first.psubscribe("news.*");
    await second.psubscribe("news.*", "s*");
    assert.deepEqual((await publisher.pubsub("CHANNELS")).sort(), ["news.es", "news.fr", "sport"]);
    assert.deepEqual((await publisher.pubsub("CHANNELS", "news.*")).sort(), ["news.es", "news.fr"]);
    const counts = await publisher.pubsub("NUMSUB", "news.es", "sport", "none");
    assert.deepEqual(counts, ["news.es", 2, "sport", 1, "none", 0]);
    assert.equal(await publisher.pubsub("NUMPAT"), 2);
  },

  async a_subscriber_returns_after_the_server_restarts() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    for (const connection of [publisher, client]) connection.on("error", () => {});
    await client.subscribe("news");
    await client.psubscribe("s*");
    await ask("restart");
    // ioredis connects and subscribes again by itself.
    await until(async () => (await publisher.pubsub("NUMSUB", "news"))[1] === 1);
    await until(async () => (await publisher.pubsub("NUMPAT")) === 1);
    assert.equal(await publisher.publish("news", "back again"), counted(1));
    assert.equal(await publisher.publish("sport", "back again"), counted(1));
    assert.deepEqual(await inbox.take(2), [["news", "back again"], ["s*", "sport", "back again"]]);
  },

  async a_transaction_publishes_everything_at_once() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("news", "sport");
    const replies = await publisher
      .multi()
      .publish("news", "first")
      .publish("nobody", "lost")
      .publish("sport", "second")
      .exec();
    assert.deepEqual(replies, [[null, counted(1)], [null, 0], [null, counted(1)]]);
    const pipelined = await publisher.pipeline().publish("news", "third").ping().publish("sport", "fourth").exec();
    assert.deepEqual(pipelined, [[null, counted(1)], [null, "PONG"], [null, counted(1)]]);
    const heard = [["news", "first"], ["sport", "second"], ["news", "third"], ["sport", "fourth"]];
    assert.deepEqual(await inbox.take(4), heard);
  },

  async an_unknown_command_fails_without_harming_the_connection() {
    const client = connect();
    const id = await client.client("ID");
    await assert.rejects(client.call("PROCLAIM", "news", "hello"), {
      name: "ReplyError",
      message: unknownProclaim,
    });
    assert.equal(await client.client("ID"), id);
  },

  async the_right_password_opens_the_server() {
    const publisher = connect({ username: "default", password });
    const { client, inbox } = subscriber({ password });
    await client.subscribe("news");
    assert.equal(await publisher.publish("news", "hello"), 1);
    assert.deepEqual(await inbox.take(), [["news", "hello"]]);
  },

  async a_wrong_password_is_refused() {
    assert.equal(await refusal({ password: "wrong" }), wrongPassword);
    assert.equal(await refusal({ username: "nobody", password }), wrongPassword);
  },

  async a_missing_password_is_refused() {
    assert.match(await refusal(), /^NOAUTH /);
  },

  async every_byte_value_survives_in_names_and_messages() {
    const publisher = connect();
    const client = connect({ port: subscriberPort });
    const inbox = new Inbox();
    client.on("messageBuffer", inbox.put);
    client.on("pmessageBuffer", (pattern, channel, message) => inbox.put(Buffer.from(pattern), channel, message));
    const message = Buffer.concat([everyByte, everyByte]);
    await client.subscribe(everyByte);
    await client.psubscribe(Buffer.from("\0*"));
    assert.equal(await publisher.publish(everyByte, message), counted(2));
    assert.deepEqual(await inbox.take(2), [[everyByte, message], [Buffer.from("\0*"), everyByte, message]]);
    assert.deepEqual(await publisher.pubsubBuffer("CHANNELS"), [everyByte]);
  },

  async a_megabyte_survives() {
    const publisher = connect();
    const client = connect({ port: subscriberPort });
    const inbox = new Inbox();
    client.on("messageBuffer", inbox.put);
    await client.subscribe("news");
    for (const message of megabytes) {
      assert.equal(await publisher.publish("news", message), counted(1));
      const [[channel, received]] = await inbox.take();
      assert.equal(channel.toString(), "news");
      assert.ok(received.equals(message));
    }
  },

  async a_thousand_channels_fit_on_one_connection() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    assert.equal(await client.subscribe(...thousandChannels), 1000);
    const pipeline = publisher.pipeline();
    for (const name of thousandChannels) pipeline.publish(name, `for ${name}`);
    assert.deepEqual(await pipeline.exec(), thousandChannels.map(() => [null, counted(1)]));
    assert.deepEqual(await inbox.take(1000), thousandChannels.map((name) => [name, `for ${name}`]));
  },

  async ten_thousand_messages_keep_their_order() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("even", "odd");
    const expected = Array.from({ length: 10_000 }, (_, n) => [n % 2 ? "odd" : "even", String(n)]);
    await Promise.all(expected.map(([channel, message]) => publisher.publish(channel, message)));
    assert.deepEqual(await inbox.take(10_000), expected);
  },

  async the_client_list_knows_name_and_id() {
    const named = connect({ connectionName: "crier" });
    const id = String(await named.client("ID"));
    assert.equal(await named.client("GETNAME"), "crier");
    assert.equal(clientFields(await named.client("INFO")).id, id);
    await subscriber().client.subscribe("news", "sport");
    const lines = (await named.client("LIST")).trim().split("\n").map(clientFields);
    const own = lines.find((fields) => fields.id === id);
    assert.equal(own.name, "crier");
    assert.match(own["lib-name"], /^ioredis/);
    const [listener, ...others] = (await named.client("LIST", "TYPE", "pubsub")).trim().split("\n").map(clientFields);
    assert.deepEqual([listener.sub, listener.psub, listener.flags, others.length], ["2", "0", "P", 0]);
    await named.client("SETNAME", "town-crier");
    assert.equal(clientFields(await named.client("INFO")).name, "town-crier");
  },

  async a_selected_database_does_not_separate_channels() {
    const publisher = connect();
    const { client, inbox } = subscriber({ db: 5 });
    assert.equal(await publisher.select(3), "OK");
    await client.subscribe("news");
    assert.equal(await publisher.publish("news", "for all"), 1);
    assert.deepEqual(await inbox.take(), [["news", "for all"]]);
    assert.equal(clientFields(await publisher.client("INFO")).db, "3");
  },

  async pings_are_answered_beside_subscriptions() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("news");
    const pings = [client.ping(), client.ping(), client.ping()];
    await publisher.publish("news", "still subscribed");
    for (const reply of await Promise.all(pings)) assert.ok(["PONG", "pong"].includes([reply].flat()[0]));
    assert.deepEqual(await inbox.take(), [["news", "still subscribed"]]);
  },

  // By a subscriber, which speaks RESP2: ioredis has no cache of its own.
  async a_cached_key_is_forgotten_when_it_changes() {
    const [writer, reader] = [connect(), connect()];
    await writer.set("seat", "free");
    const { client, inbox } = subscriber({ protocol: 2 });
    const id = await client.client("ID");
    await client.subscribe("__redis__:invalidate");
    await reader.client("TRACKING", "ON", "REDIRECT", id);
    assert.equal(await reader.get("seat"), "free");
    await writer.set("seat", "taken");
    assert.deepEqual(await inbox.take(), [["__redis__:invalidate", "seat"]]);
    await writer.flushall();
    assert.deepEqual(await inbox.take(), [["__redis__:invalidate", ""]]);
  },

  async a_subscriber_that_fell_behind_goes_on_behind_the_gap() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("news", ...sides);
    askAlone("flood");
    const messages = [];
    while (messages.at(-1) !== "last") {
      const [[channel, message]] = await inbox.take();
      if (channel === "news") messages.push(message);
    }
    checkFlood(messages);
    await ask("quiet");
    assert.equal(await publisher.publish("news", "go on"), 1);
    assert.deepEqual(await inbox.take(), [["news", "go on"]]);
    await client.subscribe("sport");
    assert.equal(await publisher.publish("sport", "go on"), 1);
    assert.deepEqual(await inbox.take(), [["sport", "go on"]]);
  },

  // Who is there stays; who comes sees the new certificate, for which only an authority vouches that it has to trust.
  async a_connection_outlives_its_certificate() {
    const publisher = connect();
    const { client, inbox } = subscriber();
    await client.subscribe("news");
    await publisher.ping();
    await ask("renew");
    for (const one of [publisher, connect({ tls: nextTls })]) {
      assert.equal(await one.publish("news", "still there"), 1);
      assert.deepEqual(await inbox.take(), [["news", "still there"]]);
    }
    assert.match(await refusal(), /certificate/);
  },

  async a_refused_certificate_is_told() {
    const told = await refusal();
    assert.ok(told.includes(refusedCertificate), told);
  },
});
