package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"pregon/clients/harness"
)

// options is what every connection has in common.
func options() *redis.Options {
	protocol := harness.Must(strconv.Atoi(os.Getenv("PREGON_RESP")))
	return &redis.Options{
		Addr:      os.Getenv("PREGON_HOST") + ":" + os.Getenv("PREGON_PORT"),
		Protocol:  protocol,
		TLSConfig: encryption("PREGON_CA"),
	}
}

func connect() *redis.Client {
	return redis.NewClient(options())
}

// listening is a client where subscribers are: at the same server, or at another node of its deployment.
func listening() *redis.Client {
	there := options()
	there.Addr = os.Getenv("PREGON_HOST") + ":" + os.Getenv("PREGON_SUBSCRIBER_PORT")
	return redis.NewClient(there)
}

// counted is what PUBLISH answers when so many hear it: those at its own node.
func counted(receivers int64) int64 {
	if os.Getenv("PREGON_SUBSCRIBER_PORT") != os.Getenv("PREGON_PORT") {
		return 0
	}
	return receivers
}

// confirm waits for count confirmations and returns the last one.
func confirm(ctx context.Context, pubsub *redis.PubSub, count int) *redis.Subscription {
	var last *redis.Subscription
	for range count {
		event := harness.Must(pubsub.Receive(ctx))
		subscription, ok := event.(*redis.Subscription)
		if !ok {
			harness.Fail("got %v, want a confirmation", event)
		}
		last = subscription
	}
	return last
}

func subscribe(ctx context.Context, client *redis.Client, channels ...string) *redis.PubSub {
	pubsub := client.Subscribe(ctx, channels...)
	confirm(ctx, pubsub, len(channels))
	return pubsub
}

func expectMessage(ctx context.Context, pubsub *redis.PubSub, channel, payload string) {
	message := harness.Must(pubsub.ReceiveMessage(ctx))
	harness.Equal(message.Channel, channel)
	harness.Equal(message.Payload, payload)
}

func publish(ctx context.Context, client *redis.Client, channel string, message any) int64 {
	return harness.Must(client.Publish(ctx, channel, message).Result())
}

func expectError(err error, beginning string) {
	var reply redis.Error
	if !errors.As(err, &reply) || !strings.HasPrefix(err.Error(), beginning) {
		harness.Fail("got %v, want %s", err, beginning)
	}
}

func theConnectionSpeaksTheProtocolAskedFor(ctx context.Context) {
	info := harness.Must(connect().ClientInfo(ctx).Result())
	harness.Equal(info.Resp, options().Protocol)
}

func aMessageArrivesAsItWasPublished(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news")
	messages := pubsub.Channel()
	publish(ctx, client, "news", "¡se hace saber!")
	publish(ctx, client, "news", "")
	harness.Equal((<-messages).Payload, "¡se hace saber!")
	harness.Equal((<-messages).Payload, "")
	harness.Check(pubsub.Close())
}

func publishCountsItsReceivers(ctx context.Context) {
	client := connect()
	harness.Equal(publish(ctx, client, "news", "nobody listens"), 0)
	first, second := subscribe(ctx, client, "news"), subscribe(ctx, client, "news")
	harness.Equal(publish(ctx, client, "news", "two listen"), 2)
	expectMessage(ctx, first, "news", "two listen")
	harness.Check(first.PSubscribe(ctx, "n*", "*s"))
	harness.Equal(confirm(ctx, first, 2).Count, 3)
	harness.Equal(publish(ctx, client, "news", "one of them three times"), 4)
	expectMessage(ctx, second, "news", "two listen")
}

func aPatternDeliversPatternChannelAndMessage(ctx context.Context) {
	client := connect()
	pubsub := listening().PSubscribe(ctx, "weather.[a-c]*.?ay")
	harness.Equal(confirm(ctx, pubsub, 1).Kind, "psubscribe")
	harness.Equal(publish(ctx, client, "weather.delhi.day", "no match"), 0)
	harness.Equal(publish(ctx, client, "weather.bilbao.day", "rain"), counted(1))
	message := harness.Must(pubsub.ReceiveMessage(ctx))
	harness.Equal(message.Pattern, "weather.[a-c]*.?ay")
	harness.Equal(message.Channel, "weather.bilbao.day")
	harness.Equal(message.Payload, "rain")
}

func shardedMessagesReachOnlyShardedSubscribers(ctx context.Context) {
	client := connect()
	sharded := listening().SSubscribe(ctx, "orders")
	harness.Equal(confirm(ctx, sharded, 1).Kind, "ssubscribe")
	plain := subscribe(ctx, listening(), "orders")
	harness.Equal(harness.Must(client.SPublish(ctx, "orders", "sharded").Result()), counted(1))
	harness.Equal(publish(ctx, client, "orders", "plain"), counted(1))
	expectMessage(ctx, sharded, "orders", "sharded")
	expectMessage(ctx, plain, "orders", "plain")
	harness.EqualSlices(harness.Must(client.PubSubShardChannels(ctx, "*").Result()), []string{"orders"})
	harness.Equal(harness.Must(client.PubSubShardNumSub(ctx, "orders").Result())["orders"], 1)
	harness.Check(sharded.SUnsubscribe(ctx, "orders"))
	harness.Equal(confirm(ctx, sharded, 1).Kind, "sunsubscribe")
	harness.Equal(harness.Must(client.SPublish(ctx, "orders", "sharded").Result()), 0)
}

func severalSubscriptionsShareOneConnection(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news", "sport")
	harness.Check(pubsub.PSubscribe(ctx, "s*"))
	harness.Equal(confirm(ctx, pubsub, 1).Count, 3)
	publish(ctx, client, "news", "one")
	publish(ctx, client, "sport", "two")
	publish(ctx, client, "stars", "three")
	var heard []string
	for range 4 {
		message := harness.Must(pubsub.ReceiveMessage(ctx))
		heard = append(heard, message.Pattern+"|"+message.Channel+"|"+message.Payload)
	}
	harness.EqualSlices(heard, []string{"|news|one", "|sport|two", "s*|sport|two", "s*|stars|three"})
}

func unsubscribingOneChannelKeepsTheOthers(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news", "sport")
	harness.Check(pubsub.Unsubscribe(ctx, "news"))
	confirmation := confirm(ctx, pubsub, 1)
	harness.Equal(*confirmation, redis.Subscription{Kind: "unsubscribe", Channel: "news", Count: 1})
	harness.Equal(publish(ctx, client, "news", "unheard"), 0)
	harness.Equal(publish(ctx, client, "sport", "heard"), counted(1))
	expectMessage(ctx, pubsub, "sport", "heard")
}

func unsubscribingFromAllEndsDelivery(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news", "sport")
	harness.Check(pubsub.PSubscribe(ctx, "*"))
	confirm(ctx, pubsub, 1)
	harness.Check(pubsub.Unsubscribe(ctx))
	harness.Check(pubsub.PUnsubscribe(ctx))
	harness.Equal(confirm(ctx, pubsub, 3).Count, 0)
	harness.Equal(publish(ctx, client, "news", "unheard"), 0)
	harness.Check(pubsub.Subscribe(ctx, "marker"))
	confirm(ctx, pubsub, 1)
	publish(ctx, client, "marker", "reached")
	expectMessage(ctx, pubsub, "marker", "reached")
}

func introspectionNamesAndCountsSubscriptions(ctx context.Context) {
	client := connect()
	first := subscribe(ctx, listening(), "news.es", "news.fr", "sport")
	second := subscribe(ctx, listening(), "news.es")
	harness.Check(first.PSubscribe(ctx, "news.*"))
	harness.Check(second.PSubscribe(ctx, "news.*", "s*"))
	confirm(ctx, first, 1)
	confirm(ctx, second, 2)
	channels := harness.Must(client.PubSubChannels(ctx, "*").Result())
	slices.Sort(channels)
	harness.EqualSlices(channels, []string{"news.es", "news.fr", "sport"})
	channels = harness.Must(client.PubSubChannels(ctx, "news.*").Result())
	slices.Sort(channels)
	harness.EqualSlices(channels, []string{"news.es", "news.fr"})
	counts := harness.Must(client.PubSubNumSub(ctx, "news.es", "sport", "none").Result())
	harness.EqualSlices([]int64{counts["news.es"], counts["sport"], counts["none"]}, []int64{2, 1, 0})
	harness.Equal(harness.Must(client.PubSubNumPat(ctx).Result()), 2)
}

// go-redis subscribes again by itself and shows the new confirmations to those who ask for them.
func aSubscriberReturnsAfterTheServerRestarts(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news")
	harness.Check(pubsub.PSubscribe(ctx, "s*"))
	confirm(ctx, pubsub, 1)
	events := pubsub.ChannelWithSubscriptions()
	harness.Ask("restart")
	for range 2 {
		event := <-events
		if _, ok := event.(*redis.Subscription); !ok {
			harness.Fail("got %v, want a confirmation", event)
		}
	}
	harness.Equal(publish(ctx, client, "news", "back again"), counted(1))
	harness.Equal(publish(ctx, client, "sport", "back again"), counted(1))
	for _, channel := range []string{"news", "sport"} {
		message, ok := (<-events).(*redis.Message)
		if !ok {
			harness.Fail("want a message on %s", channel)
		}
		harness.Equal(message.Channel, channel)
		harness.Equal(message.Payload, "back again")
	}
}

// aSubscriberThatFellBehindGoesOnBehindTheGap: ReceiveMessage reads when it is called, and not before.
func aSubscriberThatFellBehindGoesOnBehindTheGap(ctx context.Context) {
	client := connect()
	names := []string{"news"}
	for number := range 10 {
		names = append(names, "side:"+strconv.Itoa(number))
	}
	pubsub := subscribe(ctx, listening(), names...)
	harness.Ask("flood")
	last, count := -1, 0
	for {
		message := harness.Must(pubsub.ReceiveMessage(ctx))
		if message.Channel != "news" {
			continue
		}
		if message.Payload == "last" {
			break
		}
		number := harness.Must(strconv.Atoi(strings.SplitN(message.Payload, ":", 2)[0]))
		harness.Equal(number > last, true)
		last, count = number, count+1
	}
	harness.Equal(count < 1500, true)
	harness.Ask("quiet")
	harness.Equal(publish(ctx, client, "news", "go on"), 1)
	harness.Equal(harness.Must(pubsub.ReceiveMessage(ctx)).Payload, "go on")
}

func aTransactionPublishesEverythingAtOnce(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news", "sport")
	var first, lost, second *redis.IntCmd
	harness.Must(client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		first = pipe.Publish(ctx, "news", "first")
		lost = pipe.Publish(ctx, "nobody", "lost")
		second = pipe.Publish(ctx, "sport", "second")
		return nil
	}))
	harness.EqualSlices([]int64{first.Val(), lost.Val(), second.Val()}, []int64{counted(1), 0, counted(1)})
	expectMessage(ctx, pubsub, "news", "first")
	expectMessage(ctx, pubsub, "sport", "second")
	var ping *redis.StatusCmd
	harness.Must(client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Publish(ctx, "news", "third")
		ping = pipe.Ping(ctx)
		pipe.Publish(ctx, "sport", "fourth")
		return nil
	}))
	harness.Equal(ping.Val(), "PONG")
	expectMessage(ctx, pubsub, "news", "third")
	expectMessage(ctx, pubsub, "sport", "fourth")
}

func anUnknownCommandFailsWithoutHarmingTheConnection(ctx context.Context) {
	connection := connect().Conn()
	id := harness.Must(connection.ClientID(ctx).Result())
	err := connection.Do(ctx, "PROCLAIM", "news", "hello").Err()
	expectError(err, "ERR unknown command 'PROCLAIM', with args beginning with: 'news' 'hello' ")
	harness.Equal(harness.Must(connection.ClientID(ctx).Result()), id)
	harness.Check(connection.Close())
}

func theRightPasswordOpensTheServer(ctx context.Context) {
	protected := options()
	protected.Password = os.Getenv("PREGON_PASSWORD")
	client := redis.NewClient(protected)
	pubsub := subscribe(ctx, client, "news")
	harness.Equal(publish(ctx, client, "news", "hello"), 1)
	expectMessage(ctx, pubsub, "news", "hello")
	protected.Username = "default"
	harness.Equal(harness.Must(redis.NewClient(protected).Ping(ctx).Result()), "PONG")
}

func aWrongPasswordIsRefused(ctx context.Context) {
	wrong := options()
	wrong.Password = "wrong"
	expectError(redis.NewClient(wrong).Publish(ctx, "news", "hello").Err(), "WRONGPASS invalid username-password pair")
	wrong.Username, wrong.Password = "nobody", os.Getenv("PREGON_PASSWORD")
	expectError(redis.NewClient(wrong).Publish(ctx, "news", "hello").Err(), "WRONGPASS invalid username-password pair")
}

func aMissingPasswordIsRefused(ctx context.Context) {
	expectError(connect().Publish(ctx, "news", "hello").Err(), "NOAUTH ")
}
