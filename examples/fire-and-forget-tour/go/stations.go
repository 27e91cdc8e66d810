package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

func channels(ctx context.Context, g *guide) {
	subscriber := g.client.Subscribe(ctx, "news", "sport")
	defer subscriber.Close()
	confirmed(ctx, subscriber, 2)
	g.publish(ctx, "news", "hello")
	g.hear(ctx, subscriber)
	g.publish(ctx, "sport", "goal")
	g.hear(ctx, subscriber)
	check(subscriber.Unsubscribe(ctx, "news"))
	confirmed(ctx, subscriber, 1)
	g.publish(ctx, "news", "while nobody listens")
	check(subscriber.Subscribe(ctx, "news"))
	confirmed(ctx, subscriber, 1)
	g.publish(ctx, "news", "good evening")
	g.hear(ctx, subscriber)
}

func patterns(ctx context.Context, g *guide) {
	subscriber := g.client.PSubscribe(ctx, "notifications:*", "logs:*:error", "user:?", "sensor:[abc]")
	defer subscriber.Close()
	confirmed(ctx, subscriber, 4)
	for _, channel := range []string{"notifications:email", "logs:web:error", "user:7", "sensor:b"} {
		g.publish(ctx, channel, "matches")
		g.hear(ctx, subscriber)
	}
	for _, channel := range []string{"notification", "logs:web:info", "user:42", "sensor:d"} {
		g.publish(ctx, channel, "does not match")
	}
	check(subscriber.Subscribe(ctx, "user:7"))
	confirmed(ctx, subscriber, 1)
	g.publish(ctx, "user:7", "comes twice")
	g.hear(ctx, subscriber)
	g.hear(ctx, subscriber)
	check(subscriber.PUnsubscribe(ctx))
	confirmed(ctx, subscriber, 4)
	g.publish(ctx, "user:7", "comes once")
	g.hear(ctx, subscriber)
}

func introspection(ctx context.Context, g *guide) {
	first := g.client.Subscribe(ctx, "news", "sport")
	defer first.Close()
	confirmed(ctx, first, 2)
	second := g.client.Subscribe(ctx, "news")
	defer second.Close()
	check(second.PSubscribe(ctx, "logs:*:error"))
	confirmed(ctx, second, 2)
	all := must(g.client.PubSubChannels(ctx, "*").Result())
	slices.Sort(all)
	fmt.Println("PUBSUB CHANNELS ->", strings.Join(all, " "))
	fmt.Println("PUBSUB CHANNELS s* ->", strings.Join(must(g.client.PubSubChannels(ctx, "s*").Result()), " "))
	counts := must(g.client.PubSubNumSub(ctx, "news", "sport", "chess").Result())
	fmt.Printf("PUBSUB NUMSUB -> news:%d sport:%d chess:%d\n", counts["news"], counts["sport"], counts["chess"])
	fmt.Println("PUBSUB NUMPAT ->", must(g.client.PubSubNumPat(ctx).Result()))
}
