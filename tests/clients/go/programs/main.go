// programs are libraries that live on scripts: three kinds of locks and a limiter, and a cache that the server keeps true.
package main

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redis/redis_rate/v10"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"

	"pregon/clients/harness"
)

func main() {
	harness.Main(map[string]func(context.Context){
		"redsync_gives_extends_and_releases_a_lock":        redsyncGivesExtendsAndReleasesALock,
		"redsync_waits_for_a_lock_that_expires":            redsyncWaitsForALockThatExpires,
		"redislock_gives_refreshes_and_releases_a_lock":    redislockGivesRefreshesAndReleasesALock,
		"redislock_tells_who_has_lost_a_lock":              redislockTellsWhoHasLostALock,
		"redis_rate_counts_down_and_says_when_to_retry":    redisRateCountsDownAndSaysWhenToRetry,
		"rueidis_forgets_what_it_caches_when_it_changes":   rueidisForgetsWhatItCachesWhenItChanges,
		"rueidislock_passes_a_lock_on_when_it_is_free":     rueidislockPassesALockOnWhenItIsFree,
		"rueidis_runs_scripts_that_the_server_has_not_yet": rueidisRunsScriptsThatTheServerHasNotYet,
	})
}

func address() string {
	return net.JoinHostPort(os.Getenv("PREGON_HOST"), os.Getenv("PREGON_PORT"))
}

func goRedis() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: address()})
}

func connectRueidis() rueidis.Client {
	return harness.Must(rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address()}}))
}

func redsyncGivesExtendsAndReleasesALock(ctx context.Context) {
	client := goRedis()
	locks := redsync.New(goredis.NewPool(client))
	owner := locks.NewMutex("seat", redsync.WithExpiry(time.Hour), redsync.WithTries(1))
	other := locks.NewMutex("seat", redsync.WithExpiry(time.Hour), redsync.WithTries(1))
	harness.Check(owner.LockContext(ctx))
	var taken *redsync.ErrTaken
	harness.Equal(errors.As(other.TryLockContext(ctx), &taken), true)
	harness.Check(client.Expire(ctx, "seat", time.Minute).Err())
	harness.Equal(harness.Must(owner.ExtendContext(ctx)), true)
	harness.Equal(client.TTL(ctx, "seat").Val() > time.Minute, true)
	harness.Equal(harness.Must(owner.ValidContext(ctx)), true)
	harness.Equal(harness.Must(owner.UnlockContext(ctx)), true)
	unlocked, err := owner.UnlockContext(ctx)
	harness.Equal(unlocked || err == nil, false)
	harness.Check(other.LockContext(ctx))
	harness.Equal(harness.Must(other.UnlockContext(ctx)), true)
	harness.Equal(client.DBSize(ctx).Val(), 0)
}

func redsyncWaitsForALockThatExpires(ctx context.Context) {
	locks := redsync.New(goredis.NewPool(goRedis()))
	slow := locks.NewMutex("seat", redsync.WithExpiry(20*time.Millisecond))
	patient := locks.NewMutex("seat", redsync.WithExpiry(time.Hour), redsync.WithTries(1000),
		redsync.WithRetryDelay(5*time.Millisecond))
	harness.Check(slow.LockContext(ctx))
	harness.Check(patient.LockContext(ctx))
	unlocked, err := slow.UnlockContext(ctx)
	harness.Equal(unlocked || err == nil, false)
	harness.Equal(harness.Must(patient.UnlockContext(ctx)), true)
}

func redislockGivesRefreshesAndReleasesALock(ctx context.Context) {
	locks := redislock.New(goRedis())
	lock := harness.Must(locks.Obtain(ctx, "seat", time.Minute, nil))
	_, err := locks.Obtain(ctx, "seat", time.Minute, nil)
	harness.Equal(errors.Is(err, redislock.ErrNotObtained), true)
	harness.Check(lock.Refresh(ctx, time.Hour, nil))
	harness.Equal(harness.Must(lock.TTL(ctx)) > time.Minute, true)
	harness.Check(lock.Release(ctx))
	harness.Equal(errors.Is(lock.Release(ctx), redislock.ErrLockNotHeld), true)
	harness.Equal(harness.Must(lock.TTL(ctx)), 0)
	again := harness.Must(locks.Obtain(ctx, "seat", time.Minute, &redislock.Options{Metadata: "row 7"}))
	harness.Equal(again.Metadata(), "row 7")
	harness.Check(again.Release(ctx))
}

func redislockTellsWhoHasLostALock(ctx context.Context) {
	locks := redislock.New(goRedis())
	slow := harness.Must(locks.Obtain(ctx, "seat", 20*time.Millisecond, nil))
	patient := &redislock.Options{RetryStrategy: redislock.LinearBackoff(5 * time.Millisecond)}
	next := harness.Must(locks.Obtain(ctx, "seat", time.Hour, patient))
	harness.Equal(errors.Is(slow.Refresh(ctx, time.Hour, nil), redislock.ErrNotObtained), true)
	harness.Equal(errors.Is(slow.Release(ctx), redislock.ErrLockNotHeld), true)
	harness.Check(next.Release(ctx))
}

func redisRateCountsDownAndSaysWhenToRetry(ctx context.Context) {
	limiter := redis_rate.NewLimiter(goRedis())
	limit := redis_rate.PerHour(2)
	for _, remaining := range []int{1, 0} {
		result := harness.Must(limiter.Allow(ctx, "ana", limit))
		harness.Equal(result.Allowed, 1)
		harness.Equal(result.Remaining, remaining)
		harness.Equal(result.RetryAfter, -1)
	}
	refused := harness.Must(limiter.Allow(ctx, "ana", limit))
	harness.Equal(refused.Allowed, 0)
	harness.Equal(refused.RetryAfter > 0 && refused.RetryAfter <= time.Hour, true)
	harness.Equal(harness.Must(limiter.AllowAtMost(ctx, "bea", limit, 5)).Allowed, 2)
	harness.Check(limiter.Reset(ctx, "ana"))
	harness.Equal(harness.Must(limiter.AllowN(ctx, "ana", limit, 2)).Allowed, 2)
}

func rueidisForgetsWhatItCachesWhenItChanges(ctx context.Context) {
	reader, writer := connectRueidis(), connectRueidis()
	defer reader.Close()
	defer writer.Close()
	get := func() rueidis.RedisResult {
		return reader.DoCache(ctx, reader.B().Get().Key("seat").Cache(), time.Hour)
	}
	harness.Check(writer.Do(ctx, writer.B().Set().Key("seat").Value("free").Build()).Error())
	first, second := get(), get()
	harness.Equal(harness.Must(first.ToString()), "free")
	harness.Equal(harness.Must(second.ToString()), "free")
	harness.Equal(first.IsCacheHit(), false)
	harness.Equal(second.IsCacheHit(), true)
	harness.Check(writer.Do(ctx, writer.B().Set().Key("seat").Value("taken").Build()).Error())
	for harness.Must(get().ToString()) != "taken" {
		harness.Check(ctx.Err())
	}
}

func rueidislockPassesALockOnWhenItIsFree(ctx context.Context) {
	option := rueidislock.LockerOption{
		ClientOption: rueidis.ClientOption{InitAddress: []string{address()}}, KeyMajority: 1, KeyValidity: time.Hour,
	}
	owner, other := harness.Must(rueidislock.NewLocker(option)), harness.Must(rueidislock.NewLocker(option))
	defer owner.Close()
	defer other.Close()
	held, release, err := owner.WithContext(ctx, "seat")
	harness.Check(err)
	_, _, err = other.TryWithContext(ctx, "seat")
	harness.Equal(errors.Is(err, rueidislock.ErrNotLocked), true)
	harness.Check(held.Err())
	passed := make(chan context.CancelFunc)
	go func() {
		_, release, err := other.WithContext(ctx, "seat")
		harness.Check(err)
		passed <- release
	}()
	release()
	harness.Equal(errors.Is(held.Err(), context.Canceled), true)
	(<-passed)()
}

func rueidisRunsScriptsThatTheServerHasNotYet(ctx context.Context) {
	client := connectRueidis()
	defer client.Close()
	script := rueidis.NewLuaScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for _, sum := range []int64{2, 4} {
		harness.Equal(harness.Must(script.Exec(ctx, client, []string{"count"}, []string{"2"}).ToInt64()), sum)
	}
	values := rueidis.NewLuaScriptReadOnly("return {ARGV[1], redis.call('GET', KEYS[1]), false, {ok = 'DONE'}}")
	answer := harness.Must(values.Exec(ctx, client, []string{"count"}, []string{"seat"}).ToArray())
	harness.Equal(harness.Must(answer[0].ToString()), "seat")
	harness.Equal(harness.Must(answer[1].ToString()), "4")
	harness.Equal(answer[2].IsNil(), true)
	harness.Equal(harness.Must(answer[3].ToString()), "DONE")
}
