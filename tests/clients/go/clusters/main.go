// clusters is go-redis as a client that knows of clusters.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"pregon/clients/harness"
)

const keys = 300

func main() {
	harness.Main(map[string]func(context.Context){
		"go_redis_finds_all_nodes_by_one_and_each_key_at_its_own": findsAllNodes,
		"go_redis_publishes_at_any_node_and_hears_at_another":     publishesAtAnyNode,
		"go_redis_goes_on_when_a_node_leaves":                     goesOn,
	})
}

func key(number int) string {
	return fmt.Sprintf("key:%d", number)
}

func connect() *redis.ClusterClient {
	one := net.JoinHostPort(os.Getenv("PREGON_HOST"), os.Getenv("PREGON_PORT"))
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{one}})
}

// nodes are clients of the nodes that there are, one at a time.
func nodes(ctx context.Context, client *redis.ClusterClient) []*redis.Client {
	found := make(chan *redis.Client, 100)
	harness.Check(client.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		found <- node
		return nil
	}))
	close(found)
	var all []*redis.Client
	for node := range found {
		all = append(all, node)
	}
	return all
}

func setAll(ctx context.Context, client *redis.ClusterClient, value string) {
	for number := range keys {
		harness.Equal(harness.Must(client.Set(ctx, key(number), value, 0).Result()), "OK")
	}
}

func findsAllNodes(ctx context.Context) {
	client := connect()
	setAll(ctx, client, "free")
	pipeline := client.Pipeline()
	for number := range keys {
		pipeline.Append(ctx, key(number), "!")
	}
	harness.Must(pipeline.Exec(ctx))
	for number := range keys {
		harness.Equal(harness.Must(client.Get(ctx, key(number)).Result()), "free!")
	}
	all := nodes(ctx, client)
	harness.Equal(len(all), 3)
	for _, node := range all {
		count := harness.Must(node.DBSize(ctx).Result())
		harness.Equal(count > 50 && count < 150, true)
	}
	taken := harness.Must(client.TxPipelined(ctx, func(transaction redis.Pipeliner) error {
		transaction.Incr(ctx, "{seat}:1")
		transaction.Incr(ctx, "{seat}:1")
		return nil
	}))
	harness.Equal(taken[1].(*redis.IntCmd).Val(), 2)
	_, err := client.Do(ctx, "MSET", "a", "1", "b", "2").Result()
	if err == nil || !strings.Contains(err.Error(), "CROSSSLOT") {
		harness.Fail("got %v, want CROSSSLOT", err)
	}
	script := redis.NewScript("return redis.call('GET', KEYS[1])")
	harness.Equal(harness.Must(script.Run(ctx, client, []string{key(7)}).Text()), "free!")
}

func expect(ctx context.Context, pubsub *redis.PubSub, channel string) {
	harness.Equal(harness.Must(pubsub.ReceiveMessage(ctx)).Channel, channel)
}

func publishesAtAnyNode(ctx context.Context) {
	client := connect()
	news := client.Subscribe(ctx, "news")
	harness.Must(news.Receive(ctx))
	for _, node := range nodes(ctx, client) {
		harness.Check(node.Publish(ctx, "news", "from any").Err())
		expect(ctx, news, "news")
	}
	for number := range 9 {
		channel := fmt.Sprintf("orders:%d", number)
		orders := client.SSubscribe(ctx, channel)
		harness.Must(orders.Receive(ctx))
		for _, node := range nodes(ctx, client) {
			harness.Check(node.SPublish(ctx, channel, "from any").Err())
			expect(ctx, orders, channel)
		}
		harness.Equal(harness.Must(client.SPublish(ctx, channel, "from its own").Result()), 1)
		expect(ctx, orders, channel)
	}
}

func goesOn(ctx context.Context) {
	client := connect()
	setAll(ctx, client, "before")
	for _, node := range nodes(ctx, client) {
		if _, port, _ := net.SplitHostPort(node.Options().Addr); port != os.Getenv("PREGON_PORT") {
			harness.Ask("end " + port)
			break
		}
	}
	// go-redis asks anew which nodes there are every ten seconds, and when it is to do something at each.
	harness.Equal(len(nodes(ctx, client)), 2)
	setAll(ctx, client, "after")
	for number := range keys {
		harness.Equal(harness.Must(client.Get(ctx, key(number)).Result()), "after")
	}
}
