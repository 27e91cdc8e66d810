package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/push"
)

// invalidations keeps what the server pushes.
type invalidations chan []any

func (received invalidations) HandlePushNotification(
	_ context.Context, _ push.NotificationHandlerContext, notification []any,
) error {
	received <- notification
	return nil
}

// aCachedKeyIsForgottenWhenItChanges hears of it by a push in RESP3, by a subscriber in RESP2.
func aCachedKeyIsForgottenWhenItChanges(ctx context.Context) {
	client, writer := connect(), connect()
	check(writer.Set(ctx, "seat", "free", 0).Err())
	reader := client.Conn()
	if options().Protocol == 3 {
		received := make(invalidations, 1)
		check(reader.RegisterPushNotificationHandler("invalidate", received, false))
		readAndTrack(ctx, reader)
		check(writer.Set(ctx, "seat", "taken", 0).Err())
		// Pushes are read together with the answer to the next command.
		for len(received) == 0 {
			check(reader.Ping(ctx).Err())
		}
		equal((<-received)[1].([]any)[0].(string), "seat")
		equal(must(reader.Get(ctx, "seat").Result()), "taken")
		return
	}
	pubsub := subscribe(ctx, client, "__redis__:invalidate")
	listed := must(writer.Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text())
	var id int64
	must(fmt.Sscanf(listed, "id=%d", &id))
	readAndTrack(ctx, reader, "REDIRECT", id)
	check(writer.Set(ctx, "seat", "taken", 0).Err())
	message := must(pubsub.ReceiveMessage(ctx))
	equal(message.Channel, "__redis__:invalidate")
	equal(len(message.PayloadSlice), 1)
	equal(message.PayloadSlice[0], "seat")
}

func readAndTrack(ctx context.Context, reader *redis.Conn, options ...any) {
	check(reader.Do(ctx, append([]any{"CLIENT", "TRACKING", "ON"}, options...)...).Err())
	equal(must(reader.Get(ctx, "seat").Result()), "free")
}
