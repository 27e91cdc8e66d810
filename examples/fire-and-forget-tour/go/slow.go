package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// limit is how many bytes may wait for a subscriber here, beside what the operating system takes; by default 32 MB.
	limit      = 64 * 1024
	limitName  = "client-output-buffer-limit"
	mostFrames = 4096
)

// lagging shows that a subscriber that does not read is cut. Publishers do not wait; others lose nothing.
func lagging(ctx context.Context, g *guide) {
	before := must(g.client.ConfigGet(ctx, limitName).Result())
	check(g.client.ConfigSet(ctx, limitName, fmt.Sprintf("pubsub %d 0 0", limit)).Err())
	err := watchFilm(ctx, g.client)
	check(g.client.ConfigSet(ctx, limitName, before[limitName]).Err())
	check(err)
	fmt.Println("the sleeping subscriber was cut, the other one saw every frame")
}

func watchFilm(ctx context.Context, client *redis.Client) error {
	sleeping, awake := client.Subscribe(ctx, "film"), client.Subscribe(ctx, "film")
	defer sleeping.Close()
	defer awake.Close()
	confirmed(ctx, sleeping, 1)
	confirmed(ctx, awake, 1)
	for number := range mostFrames {
		frame := fmt.Sprint(number, strings.Repeat(".", limit/4))
		receivers, err := client.Publish(ctx, "film", frame).Result()
		if err != nil {
			return err
		}
		seen, err := awake.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		if seen.Payload != frame {
			return fmt.Errorf("a frame is missing")
		}
		if receivers == 1 {
			return nil
		}
	}
	return fmt.Errorf("the sleeping subscriber was not cut")
}
