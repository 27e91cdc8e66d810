// node-redis: listeners are given with the subscription; commands are methods in camel case.

import assert from "node:assert/strict";
import { BasicClientSideCache, createClient } from "redis";
import {
  ask,
  askAlone,
  checkFlood,
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

// A connected client. Without a listener for errors a lost connection would end the program.
async function connect(options = {}, at = port, encryption = tls) {
  const socket = { host, port: at, ...(encryption && { tls: true, ...encryption }) };
  const client = createClient({ socket, RESP: resp, ...options });
  client.on("error", () => {});
  return await client.connect();
}

// One where subscribers are.
function listen() {
  return connect({}, subscriberPort);
}

async function refusal(options = {}) {
  const socket = { host, port, reconnectStrategy: false, ...(tls && { tls: true, ...tls }) };
  const client = createClient({ socket, RESP: resp, ...options });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.publish("news", "hello");
  } catch (error) {
    return error.message;
  }
  assert.fail("the server let it in");
}

await main({
  async the_connection_speaks_the_protocol_asked_for() {
    const client = await connect();
    const info = await client.sendCommand(["CLIENT", "INFO"]);
    assert.match(info, new RegExp(` resp=${resp} `));
  },

  async a_message_arrives_as_it_was_published() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put);
    await publisher.publish("news", "¡se hace saber!");
    await publisher.publish("news", "");
    assert.deepEqual(await inbox.take(2), [["¡se hace saber!", "news"], ["", "news"]]);
  },

  async publish_counts_its_receivers() {
    const [publisher, first, second] = [await connect(), await connect(), await connect()];
    const inbox = new Inbox();
    assert.equal(await publisher.publish("news", "nobody listens"), 0);
    await first.subscribe("news", () => {});
    await second.subscribe("news", inbox.put);
    assert.equal(await publisher.publish("news", "two listen"), 2);
    await first.pSubscribe(["n*", "*s"], () => {});
    assert.equal(await publisher.publish("news", "one of them three times"), 4);
    assert.deepEqual(await inbox.take(), [["two listen", "news"]]);
  },

  async a_pattern_delivers_pattern_channel_and_message() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.pSubscribe("weather.[a-c]*.?ay", inbox.put);
    assert.equal(await publisher.publish("weather.delhi.day", "no match"), 0);
    assert.equal(await publisher.publish("weather.bilbao.day", "rain"), counted(1));
    assert.deepEqual(await inbox.take(), [["rain", "weather.bilbao.day"]]);
  },

  async sharded_messages_reach_only_sharded_subscribers() {
    const [publisher, sharded, plain] = [await connect(), await listen(), await listen()];
    const [shardedInbox, plainInbox] = [new Inbox(), new Inbox()];
    await sharded.sSubscribe("orders", shardedInbox.put);
    await plain.subscribe("orders", plainInbox.put);
    assert.equal(await publisher.sPublish("orders", "sharded"), counted(1));
    assert.equal(await publisher.publish("orders", "plain"), counted(1));
    assert.deepEqual(await shardedInbox.take(), [["sharded", "orders"]]);
    assert.deepEqual(await plainInbox.take(), [["plain", "orders"]]);
    assert.deepEqual(await publisher.pubSubShardChannels(), ["orders"]);
    assert.equal((await publisher.pubSubShardNumSub(["orders"])).orders, 1);
    await sharded.sUnsubscribe("orders");
    assert.equal(await publisher.sPublish("orders", "sharded"), 0);
  },

  async several_subscriptions_share_one_connection() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await Promise.all([
      subscriber.subscribe(["news", "sport"], inbox.put),
      subscriber.pSubscribe("s*", (message, channel) => inbox.put(message, channel, "s*")),
    ]);
    await publisher.publish("news", "one");
    await publisher.publish("sport", "two");
    await publisher.publish("stars", "three");
    assert.deepEqual(await inbox.take(4), [
      ["one", "news"],
      ["two", "sport"],
      ["two", "sport", "s*"],
      ["three", "stars", "s*"],
    ]);
  },

  async unsubscribing_one_channel_keeps_the_others() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe(["news", "sport"], inbox.put);
    await subscriber.unsubscribe("news");
    assert.equal(await publisher.publish("news", "unheard"), 0);
    assert.equal(await publisher.publish("sport", "heard"), counted(1));
    assert.deepEqual(await inbox.take(), [["heard", "sport"]]);
  },

  async unsubscribing_from_all_ends_delivery() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe(["news", "sport"], inbox.put);
    await subscriber.pSubscribe("*", inbox.put);
    await subscriber.unsubscribe();
    await subscriber.pUnsubscribe();
    assert.equal(await publisher.publish("news", "unheard"), 0);
    await subscriber.subscribe("marker", inbox.put);
    await publisher.publish("marker", "reached");
    assert.deepEqual(await inbox.take(), [["reached", "marker"]]);
  },

  async introspection_names_and_counts_subscriptions() {
    const [publisher, first, second] = [await connect(), await listen(), await listen()];
    await first.subscribe(["news.es", "news.fr", "sport"], () => {});
    await second.subscribe("news.es", () => {});
    await first.pSubscribe("news.*", () => {});
    await second.pSubscribe(["news.*", "s*"], () => {});
    assert.deepEqual((await publisher.pubSubChannels()).sort(), ["news.es", "news.fr", "sport"]);
    assert.deepEqual((await publisher.pubSubChannels("news.*")).sort(), ["news.es", "news.fr"]);
    const counts = await publisher.pubSubNumSub(["news.es", "sport", "none"]);
    assert.deepEqual({ ...counts }, { "news.es": 2, sport: 1, none: 0 });
    assert.equal(await publisher.pubSubNumPat(), 2);
  },

  async a_subscriber_returns_after_the_server_restarts() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put);
    await subscriber.pSubscribe("s*", inbox.put);
    await ask("restart");
    // node-redis connects and subscribes again by itself.
    await until(async () => (await publisher.pubSubNumSub(["news"])).news === 1);
    await until(async () => (await publisher.pubSubNumPat()) === 1);
    assert.equal(await publisher.publish("news", "back again"), counted(1));
    assert.equal(await publisher.publish("sport", "back again"), counted(1));
    assert.deepEqual(await inbox.take(2), [["back again", "news"], ["back again", "sport"]]);
  },

  async a_transaction_publishes_everything_at_once() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe(["news", "sport"], inbox.put);
    const replies = await publisher
      .multi()
      .publish("news", "first")
      .publish("nobody", "lost")
      .publish("sport", "second")
      .exec();
    assert.deepEqual(replies, [counted(1), 0, counted(1)]);
    const pipeline = publisher.multi().publish("news", "third").ping().publish("sport", "fourth");
    const pipelined = await pipeline.execAsPipeline();
    assert.deepEqual(pipelined, [counted(1), "PONG", counted(1)]);
    const heard = [["first", "news"], ["second", "sport"], ["third", "news"], ["fourth", "sport"]];
    assert.deepEqual(await inbox.take(4), heard);
  },

  async an_unknown_command_fails_without_harming_the_connection() {
    const client = await connect();
    const id = await client.clientId();
    await assert.rejects(client.sendCommand(["PROCLAIM", "news", "hello"]), {
      message: unknownProclaim,
    });
    assert.equal(await client.clientId(), id);
  },

  async the_right_password_opens_the_server() {
    const publisher = await connect({ username: "default", password });
    const subscriber = await connect({ password });
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put);
    assert.equal(await publisher.publish("news", "hello"), 1);
    assert.deepEqual(await inbox.take(), [["hello", "news"]]);
  },

  async a_wrong_password_is_refused() {
    assert.equal(await refusal({ password: "wrong" }), wrongPassword);
    assert.equal(await refusal({ username: "nobody", password }), wrongPassword);
  },

  async a_missing_password_is_refused() {
    assert.match(await refusal(), /^NOAUTH /);
  },

  // node-redis subscribes to names that are text only, so the channel of all byte values is heard through a pattern.
  async every_byte_value_survives_in_names_and_messages() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    const message = Buffer.concat([everyByte, everyByte]);
    await subscriber.subscribe("binary \0\r\n ñ", inbox.put, true);
    await subscriber.pSubscribe("\0*", inbox.put, true);
    assert.equal(await publisher.publish("binary \0\r\n ñ", message), counted(1));
    assert.equal(await publisher.publish(everyByte, message), counted(1));
    assert.deepEqual(await inbox.take(2), [[message, Buffer.from("binary \0\r\n ñ")], [message, everyByte]]);
  },

  async a_megabyte_survives() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put, true);
    for (const message of megabytes) {
      assert.equal(await publisher.publish("news", message), counted(1));
      const [[received]] = await inbox.take();
      assert.ok(received.equals(message));
    }
  },

  async a_thousand_channels_fit_on_one_connection() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe(thousandChannels, inbox.put);
    const counts = await Promise.all(thousandChannels.map((name) => publisher.publish(name, `for ${name}`)));
    assert.deepEqual(counts, thousandChannels.map(() => counted(1)));
    assert.deepEqual(await inbox.take(1000), thousandChannels.map((name) => [`for ${name}`, name]));
  },

  async ten_thousand_messages_keep_their_order() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe(["even", "odd"], inbox.put);
    const expected = Array.from({ length: 10_000 }, (_, n) => [String(n), n % 2 ? "odd" : "even"]);
    await Promise.all(expected.map(([message, channel]) => publisher.publish(channel, message)));
    assert.deepEqual(await inbox.take(10_000), expected);
  },

  async the_client_list_knows_name_and_id() {
    const [named, subscriber] = [await connect({ name: "crier" }), await connect()];
    const id = await named.clientId();
    assert.equal(await named.clientGetName(), "crier");
    assert.equal((await named.clientInfo()).id, id);
    await subscriber.subscribe(["news", "sport"], () => {});
    const own = (await named.clientList()).find((client) => client.id === id);
    assert.deepEqual([own.name, own.libName], ["crier", "node-redis"]);
    const listening = await named.clientList({ TYPE: "PUBSUB" });
    assert.deepEqual(listening.map(({ sub, psub, flags }) => [sub, psub, flags]), [[2, 0, "P"]]);
    await named.clientSetName("town-crier");
    assert.equal((await named.clientInfo()).name, "town-crier");
  },

  async a_selected_database_does_not_separate_channels() {
    const [publisher, subscriber] = [await connect(), await connect({ database: 5 })];
    const inbox = new Inbox();
    await publisher.select(3);
    await subscriber.subscribe("news", inbox.put);
    assert.equal(await publisher.publish("news", "for all"), 1);
    assert.deepEqual(await inbox.take(), [["for all", "news"]]);
    assert.equal((await publisher.clientInfo()).db, 3);
  },

  async pings_are_answered_beside_subscriptions() {
    const [publisher, subscriber] = [await connect(), await connect({ pingInterval: 50 })];
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put);
    assert.equal(await subscriber.ping(), resp === 3 ? "PONG" : "pong");
    let pings = 0;
    subscriber.on("ping-interval", () => (pings += 1));
    await until(() => pings >= 2);
    await publisher.publish("news", "still subscribed");
    assert.deepEqual(await inbox.take(), [["still subscribed", "news"]]);
    if (resp === 3) {
      assert.equal(await subscriber.publish("news", "to myself"), 1);
      assert.deepEqual(await inbox.take(), [["to myself", "news"]]);
    }
  },

  // By its own cache in RESP3, by a subscriber in RESP2.
  async a_cached_key_is_forgotten_when_it_changes() {
    const writer = await connect();
    await writer.set("seat", "free");
    if (resp === 3) {
      const cache = new BasicClientSideCache();
      const reader = await connect({ clientSideCache: cache });
      for (let i = 0; i < 3; i += 1) assert.equal(await reader.get("seat"), "free");
      assert.deepEqual([cache.stats().hitCount, cache.stats().missCount], [2, 1]);
      await writer.set("seat", "taken");
      await until(async () => (await reader.get("seat")) === "taken");
      await writer.flushAll();
      await until(async () => (await reader.get("seat")) === null);
    } else {
      const [reader, subscriber] = [await connect(), await connect()];
      const inbox = new Inbox();
      const id = await subscriber.clientId();
      await subscriber.subscribe("__redis__:invalidate", inbox.put);
      await reader.clientTracking(true, { REDIRECT: id });
      assert.equal(await reader.get("seat"), "free");
      await writer.set("seat", "taken");
      assert.deepEqual(await inbox.take(), [[["seat"], "__redis__:invalidate"]]);
    }
  },

  async a_subscriber_that_fell_behind_goes_on_behind_the_gap() {
    const [publisher, subscriber] = [await connect(), await listen()];
    const inbox = new Inbox();
    await subscriber.subscribe(["news", ...sides], inbox.put);
    askAlone("flood");
    const messages = [];
    while (messages.at(-1) !== "last") {
      const [[message, channel]] = await inbox.take();
      if (channel === "news") messages.push(message);
    }
    checkFlood(messages);
    await ask("quiet");
    assert.equal(await publisher.publish("news", "go on"), 1);
    assert.deepEqual(await inbox.take(), [["go on", "news"]]);
    await subscriber.subscribe("sport", inbox.put);
    assert.equal(await publisher.publish("sport", "go on"), 1);
    assert.deepEqual(await inbox.take(), [["go on", "sport"]]);
  },

  // Who is there stays; who comes sees the new certificate, for which only an authority vouches that it has to trust.
  async a_connection_outlives_its_certificate() {
    const [publisher, subscriber] = [await connect(), await connect()];
    const inbox = new Inbox();
    await subscriber.subscribe("news", inbox.put);
    await ask("renew");
    for (const one of [publisher, await connect({}, port, nextTls)]) {
      assert.equal(await one.publish("news", "still there"), 1);
      assert.deepEqual(await inbox.take(), [["still there", "news"]]);
    }
    assert.match(await refusal(), /certificate/);
  },

  async a_refused_certificate_is_told() {
    const told = await refusal();
    assert.ok(told.includes(refusedCertificate), told);
  },
});
