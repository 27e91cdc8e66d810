package main

import (
	"context"
	"fmt"
	"log"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"
)

const resilientName = "tour-resilient"

// resilient shows what is said on channels, until it is interrupted.
func resilient(ctx context.Context, channels []string) {
	client := connect(resilientName)
	defer client.Close()
	events := listen(ctx, client, channels)
	for {
		select {
		case event := <-events:
			show(event)
		case <-ctx.Done():
			return
		}
	}
}

// listen returns messages, and a subscription whenever it begins to listen to a channel.
//
// go-redis looks after the connection, and connects and subscribes again by itself. What was said meanwhile is gone:
// this is fire and forget.
func listen(ctx context.Context, client *redis.Client, channels []string) <-chan any {
	subscriber := client.Subscribe(ctx, channels...)
	return subscriber.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(5 * time.Second))
}

func show(event any) {
	switch event := event.(type) {
	case *redis.Subscription:
		fmt.Println("listening to", event.Channel)
	case *redis.Message:
		fmt.Printf("%s: %s\n", event.Channel, event.Payload)
	}
}

func reconnecting(ctx context.Context, g *guide) {
	client := connect(resilientName)
	defer client.Close()
	weather := listen(ctx, client, []string{"weather"})
	show(<-weather)
	g.publish(ctx, "weather", "sunny")
	show(<-weather)
	kill(ctx, g.client, resilientName)
	show(<-weather)
	g.publish(ctx, "weather", "cloudy")
	show(<-weather)
}

// kill closes the subscriber's connection, as an operator can.
func kill(ctx context.Context, client *redis.Client, name string) {
	peers := must(client.Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text())
	found := regexp.MustCompile(`(?m)^id=(\d+) .* name=` + name + ` `).FindStringSubmatch(peers)
	if found == nil {
		log.Fatalf("there is no subscriber %s", name)
	}
	fmt.Println("CLIENT KILL ->", must(client.ClientKillByFilter(ctx, "ID", found[1]).Result()))
}
