package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// deadline ends the wait for a message that should be there.
const deadline = 10 * time.Second

// connect returns a client of this name, whose connections are made when they are used.
func connect(name string) *redis.Client {
	options := server()
	options.ClientName = name
	return redis.NewClient(options)
}

// server says where the server is.
func server() *redis.Options {
	url, given := os.LookupEnv("REDIS_URL")
	if !given {
		url = "redis://127.0.0.1:6379"
	}
	return must(redis.ParseURL(url))
}

// expectServer ends the program with one line when there is no server.
func expectServer() {
	options := server()
	connection, err := net.DialTimeout(options.Network, options.Addr, 5*time.Second)
	if err != nil {
		log.Fatalf("%v. Start a server there with `cargo run --release`, or name another one in REDIS_URL.", err)
	}
	connection.Close()
}

// guide shows what happens at a station of the tour.
type guide struct {
	client *redis.Client
}

// publish prints how many deliveries a message meant.
func (g *guide) publish(ctx context.Context, channel, message string) {
	fmt.Printf("PUBLISH %s %s -> %d\n", channel, message, must(g.client.Publish(ctx, channel, message).Result()))
}

// hear prints the next message of a subscriber.
func (g *guide) hear(ctx context.Context, subscriber *redis.PubSub) {
	message := next[*redis.Message](ctx, subscriber)
	by := ""
	if message.Pattern != "" {
		by = " by " + message.Pattern
	}
	fmt.Printf("  %s%s: %s\n", message.Channel, by, message.Payload)
}

// confirmed waits for the server's word on so many subscriptions; what is published from then on arrives.
func confirmed(ctx context.Context, subscriber *redis.PubSub, count int) {
	for range count {
		next[*redis.Subscription](ctx, subscriber)
	}
}

// next waits for an event, which has to be of type T: a message or a confirmation.
func next[T any](ctx context.Context, subscriber *redis.PubSub) T {
	event, ok := must(subscriber.ReceiveTimeout(ctx, deadline)).(T)
	if !ok {
		log.Fatalf("expected a %T", event)
	}
	return event
}

// must ends the tour with the reason when there is no way on.
func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
