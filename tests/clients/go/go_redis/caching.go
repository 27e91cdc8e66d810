package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"pregon/clients/harness"
)

// aCachedKeyIsForgottenWhenItChanges by go-redis' own cache in RESP3, by a subscriber in RESP2.
func aCachedKeyIsForgottenWhenItChanges(ctx context.Context) {
	writer := connect()
	harness.Check(writer.Set(ctx, "seat", "free", 0).Err())
	if options().Protocol == 3 {
		cached := options()
		cached.ClientSideCacheConfig = &redis.ClientSideCacheConfig{MaxEntries: 100}
		reader := redis.NewClient(cached)
		// The next read comes from the cache as soon as one that came from the server is in it.
		for reader.CSCStats().Hits < 3 {
			harness.Equal(harness.Must(reader.Get(ctx, "seat").Result()), "free")
		}
		harness.Check(writer.Set(ctx, "seat", "taken", 0).Err())
		for harness.Must(reader.Get(ctx, "seat").Result()) != "taken" {
			harness.Check(ctx.Err())
		}
		harness.Check(writer.FlushAll(ctx).Err())
		for reader.Get(ctx, "seat").Err() != redis.Nil {
			harness.Check(ctx.Err())
		}
		return
	}
	reader := connect().Conn()
	pubsub := subscribe(ctx, connect(), "__redis__:invalidate")
	listed := harness.Must(writer.Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text())
	var id int64
	harness.Must(fmt.Sscanf(listed, "id=%d", &id))
	harness.Check(reader.Do(ctx, "CLIENT", "TRACKING", "ON", "REDIRECT", id).Err())
	harness.Equal(harness.Must(reader.Get(ctx, "seat").Result()), "free")
	harness.Check(writer.Set(ctx, "seat", "taken", 0).Err())
	message := harness.Must(pubsub.ReceiveMessage(ctx))
	harness.Equal(message.Channel, "__redis__:invalidate")
	harness.EqualSlices(message.PayloadSlice, []string{"seat"})
}
