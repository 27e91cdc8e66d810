// centrifuge is Centrifugo's engine, with the history and the presence of channels in Redis: streams, hashes, sorted sets and
// scripts, beside messages to all of its nodes.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	client "github.com/centrifugal/centrifuge-go"

	"github.com/centrifugal/centrifuge"

	"pregon/clients/harness"
)

const (
	channel = "news"
	kept    = 10
)

func main() {
	harness.Main(map[string]func(context.Context){
		"centrifuge_publishes_with_history_and_knows_who_is_present": publishesWithHistory,
		"centrifuge_gives_who_comes_back_what_it_has_missed":         givesWhatWasMissed,
	})
}

// start is a node of Centrifuge, and where its clients connect.
func start() (*centrifuge.Node, string) {
	node := harness.Must(centrifuge.New(centrifuge.Config{}))
	address := net.JoinHostPort(os.Getenv("PREGON_HOST"), os.Getenv("PREGON_PORT"))
	shard := harness.Must(centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: address}))
	shards := []*centrifuge.RedisShard{shard}
	node.SetBroker(harness.Must(centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: shards})))
	presence := centrifuge.RedisPresenceManagerConfig{Shards: shards}
	node.SetPresenceManager(harness.Must(centrifuge.NewRedisPresenceManager(node, presence)))
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "ann"}}, nil
	})
	node.OnConnect(func(connected *centrifuge.Client) {
		connected.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			options := centrifuge.SubscribeOptions{EmitPresence: true, EnableRecovery: true}
			reply(centrifuge.SubscribeReply{Options: options}, nil)
		})
	})
	harness.Check(node.Run())
	server := httptest.NewServer(centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	return node, "ws" + strings.TrimPrefix(server.URL, "http")
}

// subscribe connects a client there that hears the channel, and answers it and what it hears, from the moment at which it has
// been told that it does. Whether it was given what it had missed goes to the second channel.
func subscribe(ctx context.Context, url string) (*client.Client, chan string, chan bool) {
	connection := client.NewJsonClient(url, client.Config{})
	heard, subscribed := make(chan string, 1000), make(chan bool, 10)
	subscription := harness.Must(connection.NewSubscription(channel))
	subscription.OnSubscribed(func(event client.SubscribedEvent) { subscribed <- event.WasRecovering && event.Recovered })
	subscription.OnPublication(func(event client.PublicationEvent) { heard <- string(event.Data) })
	harness.Check(subscription.Subscribe())
	harness.Check(connection.Connect())
	harness.Equal(next(ctx, subscribed), false)
	return connection, heard, subscribed
}

func next[T any](ctx context.Context, from chan T) T {
	select {
	case value := <-from:
		return value
	case <-ctx.Done():
		panic("nothing has come in time")
	}
}

func publish(node *centrifuge.Node, from, to int) {
	for number := from; number < to; number++ {
		harness.Must(node.Publish(channel, []byte(strconv.Itoa(number)), centrifuge.WithHistory(kept, time.Minute)))
	}
}

func expect(ctx context.Context, heard chan string, from, to int) {
	for number := from; number < to; number++ {
		harness.Equal(next(ctx, heard), strconv.Itoa(number))
	}
}

func eventually(ctx context.Context, what string, isSo func() bool) {
	for !isSo() {
		if ctx.Err() != nil {
			panic(fmt.Sprintf("waited in vain: %s", what))
		}
	}
}

func present(node *centrifuge.Node) int {
	return harness.Must(node.PresenceStats(channel)).NumClients
}

func publishesWithHistory(ctx context.Context) {
	publisher, _ := start()
	other, url := start()
	one, oneHears, _ := subscribe(ctx, url)
	_, twoHears, _ := subscribe(ctx, url)
	publish(publisher, 0, 100)
	expect(ctx, oneHears, 0, 100)
	expect(ctx, twoHears, 0, 100)
	history := harness.Must(other.History(channel, centrifuge.WithHistoryFilter(centrifuge.HistoryFilter{Limit: -1})))
	harness.Equal(len(history.Publications), kept)
	harness.Equal(string(history.Publications[0].Data), "90")
	harness.Equal(history.Offset, 100)
	eventually(ctx, "both are present", func() bool { return present(publisher) == 2 })
	for _, who := range harness.Must(publisher.Presence(channel)).Presence {
		harness.Equal(who.UserID, "ann")
	}
	one.Close()
	eventually(ctx, "one has gone", func() bool { return present(publisher) == 1 })
	harness.Check(publisher.RemoveHistory(channel))
	gone := harness.Must(other.History(channel, centrifuge.WithHistoryFilter(centrifuge.HistoryFilter{Limit: -1})))
	harness.Equal(len(gone.Publications), 0)
}

func givesWhatWasMissed(ctx context.Context) {
	publisher, _ := start()
	_, url := start()
	connection, heard, subscribed := subscribe(ctx, url)
	publish(publisher, 0, 3)
	expect(ctx, heard, 0, 3)
	harness.Check(connection.Disconnect())
	publish(publisher, 3, 8)
	harness.Check(connection.Connect())
	harness.Equal(next(ctx, subscribed), true)
	expect(ctx, heard, 3, 8)
	publish(publisher, 8, 9)
	expect(ctx, heard, 8, 9)
}
