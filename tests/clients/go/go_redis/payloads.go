package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"pregon/clients/harness"
)

// everyByte is a name and a message with every byte value, CR LF and NUL included.
func everyByte() string {
	bytes := make([]byte, 256)
	for value := range bytes {
		bytes[value] = byte(value)
	}
	return string(bytes)
}

func everyByteValueSurvivesInNamesAndMessages(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), everyByte())
	harness.Check(pubsub.PSubscribe(ctx, "\x00*\xff"))
	confirm(ctx, pubsub, 1)
	payload := strings.Repeat(everyByte(), 4)
	harness.Equal(publish(ctx, client, everyByte(), []byte(payload)), counted(2))
	expectMessage(ctx, pubsub, everyByte(), payload)
	message := harness.Must(pubsub.ReceiveMessage(ctx))
	harness.Equal(message.Pattern, "\x00*\xff")
	harness.Equal(message.Channel, everyByte())
	harness.Equal(message.Payload, payload)
	harness.EqualSlices(harness.Must(client.PubSubChannels(ctx, "*").Result()), []string{everyByte()})
}

func aMegabyteSurvives(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "news")
	for _, filler := range []string{"a", "z"} {
		payload := filler + strings.Repeat(everyByte(), 4096) + filler
		harness.Equal(publish(ctx, client, "news", payload), counted(1))
		expectMessage(ctx, pubsub, "news", payload)
	}
}

func aThousandChannelsFitOnOneConnection(ctx context.Context) {
	client := connect()
	var names []string
	for n := range 1000 {
		names = append(names, fmt.Sprintf("channel:%d", n))
	}
	pubsub := listening().Subscribe(ctx, names...)
	harness.Equal(confirm(ctx, pubsub, 1000).Count, 1000)
	harness.Must(client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, name := range names {
			pipe.Publish(ctx, name, "for "+name)
		}
		return nil
	}))
	for _, name := range names {
		expectMessage(ctx, pubsub, name, "for "+name)
	}
}

func tenThousandMessagesKeepTheirOrder(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, listening(), "even", "odd")
	channels := [2]string{"even", "odd"}
	for start := 0; start < 10_000; start += 1000 {
		harness.Must(client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for n := start; n < start+1000; n++ {
				pipe.Publish(ctx, channels[n%2], n)
			}
			return nil
		}))
	}
	for n := range 10_000 {
		expectMessage(ctx, pubsub, channels[n%2], strconv.Itoa(n))
	}
}

func theClientListKnowsNameAndID(ctx context.Context) {
	named := options()
	named.ClientName = "crier"
	client := redis.NewClient(named)
	connection := client.Conn()
	id := harness.Must(connection.ClientID(ctx).Result())
	harness.Equal(harness.Must(connection.ClientGetName(ctx).Result()), "crier")
	harness.Equal(harness.Must(connection.ClientInfo(ctx).Result()).ID, id)
	subscribe(ctx, connect(), "news", "sport")
	list := harness.Must(connection.ClientList(ctx).Result())
	own := ""
	for line := range strings.Lines(list) {
		if strings.HasPrefix(line, fmt.Sprintf("id=%d ", id)) {
			own = line
		}
	}
	if !strings.Contains(own, " name=crier ") || !strings.Contains(own, " lib-name=go-redis") {
		harness.Fail("connection %d is not listed with name and library:\n%s", id, list)
	}
	listening := harness.Must(connection.Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text())
	if strings.Count(listening, "\n") != 1 || !strings.Contains(listening, " flags=P db=0 sub=2 psub=0 ") {
		harness.Fail("want one subscriber, got\n%s", listening)
	}
	harness.Equal(harness.Must(connection.ClientSetName(ctx, "town-crier").Result()), true)
	harness.Equal(harness.Must(connection.ClientInfo(ctx).Result()).Name, "town-crier")
	harness.Check(connection.Close())
}

func aSelectedDatabaseDoesNotSeparateChannels(ctx context.Context) {
	fifth, third := options(), options()
	fifth.DB, third.DB = 5, 3
	pubsub := subscribe(ctx, redis.NewClient(fifth), "news")
	publisher := redis.NewClient(third)
	harness.Equal(publish(ctx, publisher, "news", "for all"), 1)
	expectMessage(ctx, pubsub, "news", "for all")
	harness.Equal(harness.Must(publisher.ClientInfo(ctx).Result()).DB, 3)
}

func pingsAreAnsweredBesideSubscriptions(ctx context.Context) {
	client := connect()
	pubsub := subscribe(ctx, client, "news")
	for _, payload := range []string{"", "still there?"} {
		harness.Check(pubsub.Ping(ctx, payload))
		pong, ok := harness.Must(pubsub.Receive(ctx)).(*redis.Pong)
		if !ok {
			harness.Fail("want a pong")
		}
		harness.Equal(pong.Payload, payload)
	}
	// The channel pings by itself when it has heard nothing for the interval.
	messages := pubsub.Channel(redis.WithChannelHealthCheckInterval(50 * time.Millisecond))
	for pingsSeen(ctx, client) < 4 {
		harness.Check(ctx.Err())
	}
	publish(ctx, client, "news", "still subscribed")
	harness.Equal((<-messages).Payload, "still subscribed")
}

// pingsSeen is how many PINGs the server has run, from all connections.
func pingsSeen(ctx context.Context, client *redis.Client) int {
	info := harness.Must(client.Info(ctx, "commandstats").Result())
	_, after, _ := strings.Cut(info, "cmdstat_ping:calls=")
	calls, _, _ := strings.Cut(after, ",")
	return harness.Must(strconv.Atoi(calls))
}
