package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/push"
	"pregon/clients/harness"
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
	harness.Check(writer.Set(ctx, "seat", "free", 0).Err())
	reader := client.Conn()
	if options().Protocol == 3 {
		received := make(invalidations, 1)
		harness.Check(reader.RegisterPushNotificationHandler("invalidate", received, false))
		readAndTrack(ctx, reader)
		harness.Check(writer.Set(ctx, "seat", "taken", 0).Err())
		// Pushes are read together with the answer to the next command.
		for len(received) == 0 {
			harness.Check(reader.Ping(ctx).Err())
		}
		harness.Equal((<-received)[1].([]any)[0].(string), "seat")
		harness.Equal(harness.Must(reader.Get(ctx, "seat").Result()), "taken")
		return
	}
	pubsub := subscribe(ctx, client, "__redis__:invalidate")
	listed := harness.Must(writer.Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text())
	var id int64
	harness.Must(fmt.Sscanf(listed, "id=%d", &id))
	readAndTrack(ctx, reader, "REDIRECT", id)
	harness.Check(writer.Set(ctx, "seat", "taken", 0).Err())
	message := harness.Must(pubsub.ReceiveMessage(ctx))
	harness.Equal(message.Channel, "__redis__:invalidate")
	harness.Equal(len(message.PayloadSlice), 1)
	harness.Equal(message.PayloadSlice[0], "seat")
}

func readAndTrack(ctx context.Context, reader *redis.Conn, options ...any) {
	harness.Check(reader.Do(ctx, append([]any{"CLIENT", "TRACKING", "ON"}, options...)...).Err())
	harness.Equal(harness.Must(reader.Get(ctx, "seat").Result()), "free")
}
