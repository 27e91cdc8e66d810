import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.support.caching.CacheAccessor;
import io.lettuce.core.support.caching.ClientSideCaching;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.api.stream.StreamAddArgs;
import org.redisson.client.RedisException;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;
import redis.clients.jedis.BinaryJedisPubSub;
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

    static final Map<String, Case> CASES = new TreeMap<>(Map.ofEntries(
            Map.entry("jedis_forgets_what_it_caches_when_it_changes", Programs::jedisCaches),
            Map.entry("jedis_runs_scripts_and_hears_what_they_publish", Programs::jedisHears),
            Map.entry("jedis_hears_patterns_and_bytes_of_every_value", Programs::jedisHearsBytes),
            Map.entry("lettuce_forgets_what_it_caches_when_it_changes", Programs::lettuceCaches),
            Map.entry("lettuce_hears_channels_and_sharded_channels", Programs::lettuceHears),
            Map.entry("lettuce_hears_patterns_and_bytes_of_every_value", Programs::lettuceHearsBytes),
            Map.entry("jedis_goes_on_behind_a_gap", Programs::jedisFallsBehind),
            Map.entry("lettuce_goes_on_behind_a_gap", Programs::lettuceFallsBehind),
            Map.entry("lettuce_returns_after_the_server_restarts", Programs::lettuceReturns),
            Map.entry("redisson_hears_topics_and_patterns", Programs::redissonHears),
            Map.entry("redisson_compares_and_counts", Programs::redissonCounts),
            Map.entry("redisson_gives_permits_and_opens_latches", Programs::redissonGivesPermits),
            Map.entry("redisson_passes_elements_through_queues_and_streams", Programs::redissonPassesElements),
            Map.entry("redisson_is_told_at_once_that_locks_need_hashes", Programs::redissonIsToldOfLocks)));

    public static void main(String[] arguments) {
        run(arguments, CASES);
    }

    /** Runs the case that the first argument names, or lists all of them. */
    static void run(String[] arguments, Map<String, Case> cases) {
        if (arguments[0].equals("--list")) {
            cases.keySet().forEach(System.out::println);
            return;
        }
        try {
            cases.get(arguments[0]).run();
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

    /** Returns when the harness has done this: "restart" starts the server where subscribers are again, on the same port. */
    static void ask(String order) {
        System.out.println("@" + order);
        equal(new Scanner(System.in).nextLine(), "ok");
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

    /** A name or a message with every value that a byte can have, and a message of a megabyte of them. */
    static final byte[] EVERY_BYTE = bytes(256);

    static final byte[] MEGABYTE = bytes(1 << 20);

    static byte[] bytes(int length) {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    static String hex(byte[]... parts) {
        return Arrays.stream(parts).map(HexFormat.of()::formatHex).collect(Collectors.joining(" "));
    }

    static void jedisHearsBytes() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var listener = new BinaryJedisPubSub() {
            @Override
            public void onPSubscribe(byte[] pattern, int count) {
                heard.add("listens to " + hex(pattern));
            }

            @Override
            public void onPMessage(byte[] pattern, byte[] channel, byte[] message) {
                heard.add(hex(pattern, channel, message));
            }
        };
        var pattern = new byte[] {0, '*', (byte) 255};
        var thread = new Thread(() -> new Jedis(HOST, SUBSCRIBER_PORT).psubscribe(listener, pattern));
        thread.setDaemon(true);
        thread.start();
        equal(take(heard), "listens to " + hex(pattern));
        for (var message : List.of(EVERY_BYTE, MEGABYTE)) {
            equal(jedis().publish(EVERY_BYTE, message), counted(1));
            equal(take(heard), hex(pattern, EVERY_BYTE, message));
        }
    }

    /** Lets the harness publish more than can be kept while the calling thread reads nothing. */
    static void flood() {
        ask("flood");
    }

    /** What the harness publishes to in a flood: what is heard of the first is looked at. */
    static final String[] FLOODED =
            Stream.concat(Stream.of("news"), IntStream.range(0, 10).mapToObj(n -> "side:" + n)).toArray(String[]::new);

    /** What was heard of a flood: rising numbers from 0 on, and not all of them; and what comes behind it. */
    static void checkFlood(BlockingQueue<String> heard) throws Exception {
        equal(take(heard), "begin");
        int last = -1;
        int count = 0;
        for (var message = take(heard); !message.equals("last"); message = take(heard)) {
            int number = Integer.parseInt(message.split(":")[0]);
            equal(count == 0 ? number == 0 : number > last, true);
            last = number;
            count++;
        }
        equal(count < 1500, true);
        ask("quiet");
        equal(jedis().publish("news", "go on"), 1L);
        equal(take(heard), "go on");
    }

    static void jedisFallsBehind() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var listener = new JedisPubSub() {
            @Override
            public void onSubscribe(String channel, int count) {
                if (count == FLOODED.length) {
                    heard.add("listens");
                }
            }

            @Override
            public void onMessage(String channel, String message) {
                if (channel.equals("news")) {
                    heard.add(message);
                }
                if (message.equals("begin")) {
                    flood();
                }
            }
        };
        var config = DefaultJedisClientConfig.builder().resp3().build();
        var address = new HostAndPort(HOST, SUBSCRIBER_PORT);
        var thread = new Thread(() -> new Jedis(address, config).subscribe(listener, FLOODED));
        thread.setDaemon(true);
        thread.start();
        equal(take(heard), "listens");
        equal(jedis().publish("news", "begin"), 1L);
        checkFlood(heard);
    }

    static RedisClient lettuce() {
        return RedisClient.create(RedisURI.create(HOST, PORT));
    }

    static RedisClient listeningLettuce() {
        return RedisClient.create(RedisURI.create(HOST, SUBSCRIBER_PORT));
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
        var subscriber = listeningLettuce().connectPubSub();
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

    static void lettuceHearsBytes() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var subscriber = listeningLettuce().connectPubSub(ByteArrayCodec.INSTANCE);
        subscriber.addListener(new RedisPubSubAdapter<>() {
            @Override
            public void message(byte[] channel, byte[] message) {
                heard.add(hex(channel, message));
            }

            @Override
            public void message(byte[] pattern, byte[] channel, byte[] message) {
                heard.add(hex(pattern, channel, message));
            }
        });
        var pattern = new byte[] {0, '*', (byte) 255};
        subscriber.sync().subscribe(EVERY_BYTE);
        subscriber.sync().psubscribe(pattern);
        var publisher = lettuce().connect(ByteArrayCodec.INSTANCE).sync();
        for (var message : List.of(EVERY_BYTE, MEGABYTE)) {
            equal(publisher.publish(EVERY_BYTE, message), counted(2));
            equal(take(heard), hex(EVERY_BYTE, message));
            equal(take(heard), hex(pattern, EVERY_BYTE, message));
        }
    }

    static void lettuceFallsBehind() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var subscriber = listeningLettuce().connectPubSub();
        subscriber.addListener(new RedisPubSubAdapter<>() {
            @Override
            public void message(String channel, String message) {
                if (channel.equals("news")) {
                    heard.add(message);
                }
                if (message.equals("begin")) {
                    flood();
                }
            }
        });
        subscriber.sync().subscribe(FLOODED);
        equal(jedis().publish("news", "begin"), 1L);
        checkFlood(heard);
    }

    /** Lettuce connects and subscribes again by itself. */
    static void lettuceReturns() throws Exception {
        var heard = new LinkedBlockingQueue<String>();
        var subscriber = listeningLettuce().connectPubSub();
        subscriber.addListener(new RedisPubSubAdapter<>() {
            @Override
            public void message(String channel, String message) {
                heard.add(channel + ": " + message);
            }

            @Override
            public void message(String pattern, String channel, String message) {
                heard.add(pattern + " " + channel + ": " + message);
            }
        });
        subscriber.sync().subscribe("news");
        subscriber.sync().psubscribe("s*");
        var publisher = lettuce().connect().sync();
        ask("restart");
        until(() -> publisher.pubsubNumsub("news").get("news") == 1L && publisher.pubsubNumpat() == 1L);
        equal(publisher.publish("news", "back again"), counted(1));
        equal(publisher.publish("sport", "back again"), counted(1));
        equal(take(heard), "news: back again");
        equal(take(heard), "s* sport: back again");
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
