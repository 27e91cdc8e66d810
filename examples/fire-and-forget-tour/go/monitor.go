package main

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const interval = 500 * time.Millisecond

// monitor shows which channels have how many subscribers, whenever that changes, until it is interrupted.
func monitor(ctx context.Context, pattern string) {
	client := connect("")
	defer client.Close()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	shown := ""
	for ctx.Err() == nil {
		seen, err := snapshot(ctx, client, pattern)
		switch {
		case err != nil:
			log.Print(err)
		case seen != shown:
			fmt.Println(seen)
			shown = seen
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func snapshot(ctx context.Context, client *redis.Client, pattern string) (string, error) {
	names, err := client.PubSubChannels(ctx, pattern).Result()
	if err != nil {
		return "", err
	}
	counts, err := client.PubSubNumSub(ctx, names...).Result()
	if err != nil {
		return "", err
	}
	patterns, err := client.PubSubNumPat(ctx).Result()
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	channels := make([]string, 0, len(names))
	for _, name := range names {
		channels = append(channels, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(channels) == 0 {
		channels = append(channels, "no channels")
	}
	return fmt.Sprintf("%s; patterns %d", strings.Join(channels, ", "), patterns), nil
}
