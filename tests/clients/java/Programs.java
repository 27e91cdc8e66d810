import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.support.caching.CacheAccessor;
import io.lettuce.core.support.caching.ClientSideCaching;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.api.stream.StreamAddArgs;
import org.redisson.client.RedisException;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.csc.CacheConfig;
import redis.clients.jedis.csc.CacheFactory;

/** Jedis and Lettuce with their caches, and what of Redisson needs no hashes: one case by name, or the list of all. */
public class Programs {
    static final String HOST = System.getenv().getOrDefault("PREGON_HOST", "127.0.0.1");
    static final int PORT = Integer.parseInt(System.getenv().getOrDefault("PREGON_PORT", "6379"));
    /** Where to subscribe: at the same server, or at another node of its deployment. */
    static final int SUBSCRIBER_PORT =
            Integer.parseInt(System.getenv().getOrDefault("PREGON_SUBSCRIBER_PORT", String.valueOf(PORT)));
    static final int DEADLINE_SECONDS = 20;

    interface Case {
        void run() throws Exception;
    }

    static final Map<String, Case> CASES = new TreeMap<>(Map.of(
            "jedis_forgets_what_it_caches_when_it_changes", Programs::jedisCaches,
            "jedis_runs_scripts_and_hears_what_they_publish", Programs::jedisHears,
            "lettuce_forgets_what_it_caches_when_it_changes", Programs::lettuceCaches,
            "lettuce_hears_channels_and_sharded_channels", Programs::lettuceHears,
            "redisson_hears_topics_and_patterns", Programs::redissonHears,
            "redisson_compares_and_counts", Programs::redissonCounts,
            "redisson_gives_permits_and_opens_latches", Programs::redissonGivesPermits,
            "redisson_passes_elements_through_queues_and_streams", Programs::redissonPassesElements,
            "redisson_is_told_at_once_that_locks_need_hashes", Programs::redissonIsToldOfLocks));

    public static void main(String[] arguments) {
        if (arguments[0].equals("--list")) {
            CASES.keySet().forEach(System.out::println);
            return;
        }
        try {
            CASES.get(arguments[0]).run();
        } catch (Throwable why) {
            why.printStackTrace();
            System.exit(1);
        }
        // Threads of the libraries may still run.
        System.exit(0);
    }

    static void equal(Object got, Object want) {
        if (!want.equals(got)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }

    /** Asks again until the answer is yes. */
    static void until(Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        while (!condition.call()) {
            equal(System.nanoTime() < end, true);
            Thread.sleep(5);
        }
    }

    static <T> T take(BlockingQueue<T> heard) throws InterruptedException {
        return heard.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    /** What PUBLISH answers when so many hear it: those at its own node. */
    static Long counted(long receivers) {
        return SUBSCRIBER_PORT == PORT ? receivers : 0;
    }

    static Jedis jedis() {
        return new Jedis(new HostAndPort(HOST, PORT));
    }

    static void jedisCaches() throws Exception {
        var writer = jedis();
        writer.set("seat", "free");
        var cache = CacheFactory.getCache(CacheConfig.builder().maxSize(100).build());
        var config = DefaultJedisClientConfig.builder().resp3().build();
        var builder = redis.clients.jedis.RedisClient.builder().hostAndPort(HOST, PORT).clientConfig(config);
        try (var reader = builder.cache(cache).build()) {
            for (int i = 0; i < 3; i++) {
                equal(reader.get("seat"), "free");
            }
            var stats = cache.getStats();
            equal(List.of(stats.getHitCount(), stats.getMissCount()), List.of(2L, 1L));
            writer.set("seat", "taken");
            until(() -> reader.get("seat").equals("taken"));
            writer.flushAll();
            until(() -> reader.get("seat") == null);
        }
    }

    static void jedisHears() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var listener = new JedisPubSub() {
            @Override
            public void onSubscribe(String channel, int count) {
                heard.add("listens to " + channel);
            }

            @Override
            public void onMessage(String channel, String message) {
                heard.add(message);
                unsubscribe();
            }
        };
        var thread = new Thread(() -> new Jedis(HOST, SUBSCRIBER_PORT).subscribe(listener, "news"));
        thread.start();
        equal(take(heard), "listens to news");
        var script = "return redis.call('PUBLISH', KEYS[1], ARGV[1])";
        equal(jedis().eval(script, 1, "news", "hear ye"), counted(1));
        equal(take(heard), "hear ye");
        thread.join();
    }

    static RedisClient lettuce() {
        return RedisClient.create(RedisURI.create(HOST, PORT));
    }

    static void lettuceCaches() throws Exception {
        var writer = lettuce().connect().sync();
        writer.set("seat", "free");
        var memory = new ConcurrentHashMap<String, String>();
        var connection = lettuce().connect();
        try (var cache =
                ClientSideCaching.enable(CacheAccessor.forMap(memory), connection, TrackingArgs.Builder.enabled())) {
            equal(cache.get("seat"), "free");
            equal(memory.get("seat"), "free");
            writer.set("seat", "taken");
            until(() -> cache.get("seat").equals("taken"));
            writer.del("seat");
            until(() -> cache.get("seat") == null);
        }
    }

    static void lettuceHears() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var subscriber = RedisClient.create(RedisURI.create(HOST, SUBSCRIBER_PORT)).connectPubSub();
        subscriber.addListener(new RedisPubSubAdapter<>() {
            @Override
            public void message(String channel, String message) {
                heard.add(channel + ": " + message);
            }

            @Override
            public void smessage(String channel, String message) {
                heard.add("sharded " + channel + ": " + message);
            }
        });
        subscriber.sync().subscribe("news");
        subscriber.sync().ssubscribe("shard");
        var publisher = lettuce().connect().sync();
        equal(publisher.publish("news", "one"), counted(1));
        equal(publisher.spublish("shard", "two"), counted(1));
        Long sum = publisher.eval("return ARGV[1] + ARGV[2]", ScriptOutputType.INTEGER, new String[0], "1", "2");
        equal(sum, 3L);
        equal(take(heard), "news: one");
        equal(take(heard), "sharded shard: two");
    }

    static RedissonClient redisson() {
        return redisson(PORT);
    }

    static RedissonClient redisson(int port) {
        var config = new Config();
        config.setCodec(StringCodec.INSTANCE);
        config.useSingleServer().setAddress("redis://" + HOST + ":" + port).setConnectionMinimumIdleSize(1);
        return Redisson.create(config);
    }

    static void redissonHears() throws Exception {
        var publisher = redisson();
        var subscriber = redisson(SUBSCRIBER_PORT);
        var heard = new LinkedBlockingQueue<String>();
        subscriber.getTopic("news").addListener(String.class, (topic, message) -> heard.add(topic + ": " + message));
        equal(publisher.getTopic("news").publish("one"), counted(1));
        equal(take(heard), "news: one");
        subscriber.getPatternTopic("w*").addListener(String.class, (p, topic, message) -> heard.add(p + " " + message));
        equal(publisher.getTopic("weather").publish("two"), counted(1));
        equal(take(heard), "w* two");
    }

    static void redissonCounts() {
        var redisson = redisson();
        var seat = redisson.<String>getBucket("seat");
        equal(seat.setIfAbsent("free", Duration.ofHours(1)), true);
        equal(seat.compareAndSet("free", "taken"), true);
        equal(seat.compareAndSet("free", "taken twice"), false);
        equal(seat.getAndSet("free again"), "taken");
        var count = redisson.getAtomicLong("count");
        equal(count.incrementAndGet(), 1L);
        equal(count.compareAndSet(1, 5), true);
        equal(count.getAndDelete(), 5L);
    }

    static void redissonGivesPermits() throws Exception {
        var redisson = redisson();
        var seats = redisson.getSemaphore("seats");
        equal(seats.trySetPermits(2), true);
        equal(List.of(seats.tryAcquire(), seats.tryAcquire(), seats.tryAcquire()), List.of(true, true, false));
        var waiting = seats.acquireAsync();
        seats.release();
        waiting.toCompletableFuture().get(DEADLINE_SECONDS, TimeUnit.SECONDS);
        equal(seats.availablePermits(), 0);
        var doors = redisson.getCountDownLatch("doors");
        equal(doors.trySetCount(1), true);
        var opened = doors.awaitAsync();
        doors.countDown();
        opened.toCompletableFuture().get(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    static void redissonPassesElements() throws Exception {
        var redisson = redisson();
        var queue = redisson.<String>getBlockingQueue("queue");
        var waiting = queue.takeAsync();
        queue.add("one");
        equal(waiting.toCompletableFuture().get(DEADLINE_SECONDS, TimeUnit.SECONDS), "one");
        var list = redisson.<String>getList("list");
        list.addAll(List.of("a", "b", "c"));
        list.remove("b");
        list.fastSet(1, "d");
        equal(list.readAll(), List.of("a", "d"));
        var stream = redisson.<String, String>getStream("stream");
        stream.add(StreamAddArgs.entry("seat", "7"));
        equal(stream.size(), 1L);
    }

    static void redissonIsToldOfLocks() {
        try {
            redisson().getLock("seat").tryLock();
        } catch (RedisException refusal) {
            var told = "ERR Unknown Redis command called from script";
            equal(refusal.getMessage().startsWith(told), true);
            return;
        }
        throw new AssertionError("it was locked");
    }
}
