import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.ClusterTopologyRefreshOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode;
import io.lettuce.core.cluster.pubsub.RedisClusterPubSubAdapter;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.IntStream;
import redis.clients.jedis.HostAndPort;

/** Lettuce and Jedis as clients that know of clusters: one case by name, or the list of all. */
public class Clusters {
    static final List<String> KEYS = IntStream.range(0, 300).mapToObj(n -> "key:" + n).toList();

    public static void main(String[] arguments) {
        Programs.run(arguments, Map.of(
                "lettuce_finds_all_nodes_by_one_and_each_key_at_its_own", Clusters::lettuceFinds,
                "lettuce_publishes_at_any_node_and_hears_at_another", Clusters::lettucePublishes,
                "lettuce_goes_on_when_a_node_leaves", Clusters::lettuceGoesOn,
                "jedis_finds_all_nodes_by_one_and_each_key_at_its_own", Clusters::jedisFinds,
                "jedis_goes_on_when_a_node_leaves", Clusters::jedisGoesOn));
    }

    /** One that asks anew which nodes there are when one of them cannot be reached. */
    static RedisClusterClient lettuce() {
        var client = RedisClusterClient.create(RedisURI.create(Programs.HOST, Programs.PORT));
        var refresh = ClusterTopologyRefreshOptions.builder()
                .enableAllAdaptiveRefreshTriggers()
                .adaptiveRefreshTriggersTimeout(Duration.ofMillis(50))
                .build();
        client.setOptions(ClusterClientOptions.builder().topologyRefreshOptions(refresh).build());
        return client;
    }

    static List<RedisClusterNode> nodes(StatefulRedisClusterConnection<String, String> connection) {
        return List.copyOf(connection.getPartitions().getPartitions());
    }

    /** Each node has about its share of the keys. */
    static void expectShare(long count) {
        Programs.equal(count > 50 && count < 150, true);
    }

    static void lettuceFinds() {
        var connection = lettuce().connect();
        var commands = connection.sync();
        KEYS.forEach(key -> Programs.equal(commands.set(key, "of " + key), "OK"));
        KEYS.forEach(key -> Programs.equal(commands.get(key), "of " + key));
        Programs.equal(nodes(connection).size(), 3);
        nodes(connection).forEach(node -> expectShare(connection.getConnection(node.getNodeId()).sync().dbsize()));
        // Several keys of one command are divided among their nodes.
        Programs.equal(commands.mget(KEYS.toArray(String[]::new)).size(), KEYS.size());
        Programs.equal(commands.del(KEYS.toArray(String[]::new)), (long) KEYS.size());
        var node = connection.getConnection(nodes(connection).get(0).getNodeId()).sync();
        try {
            node.mset(Map.of("a", "1", "b", "2"));
        } catch (RedisCommandExecutionException refusal) {
            Programs.equal(refusal.getMessage().startsWith("CROSSSLOT"), true);
            return;
        }
        throw new AssertionError("keys of two slots in one command");
    }

    static void lettucePublishes() throws Exception {
        var client = lettuce();
        var connection = client.connect();
        var heard = new LinkedBlockingQueue<String>();
        var subscriber = client.connectPubSub();
        subscriber.addListener(new RedisClusterPubSubAdapter<>() {
            @Override
            public void message(RedisClusterNode node, String channel, String message) {
                heard.add(channel + ": " + message);
            }

            @Override
            public void smessage(RedisClusterNode node, String channel, String message) {
                heard.add("sharded " + channel + ": " + message);
            }
        });
        subscriber.sync().subscribe("news");
        for (var node : nodes(connection)) {
            connection.getConnection(node.getNodeId()).sync().publish("news", "from any");
            Programs.equal(Programs.take(heard), "news: from any");
        }
        for (int n = 0; n < 9; n++) {
            subscriber.sync().ssubscribe("orders:" + n);
            for (var node : nodes(connection)) {
                connection.getConnection(node.getNodeId()).sync().spublish("orders:" + n, "from any");
                Programs.equal(Programs.take(heard), "sharded orders:" + n + ": from any");
            }
        }
    }

    static void lettuceGoesOn() throws Exception {
        var connection = lettuce().connect();
        var commands = connection.sync();
        KEYS.forEach(key -> commands.set(key, "before"));
        var ports = nodes(connection).stream().map(node -> node.getUri().getPort());
        Programs.ask("end " + ports.filter(port -> port != Programs.PORT).findFirst().get());
        KEYS.forEach(key -> Programs.equal(commands.set(key, "after"), "OK"));
        KEYS.forEach(key -> Programs.equal(commands.get(key), "after"));
        Programs.until(() -> nodes(connection).size() == 2);
    }

    static redis.clients.jedis.RedisClusterClient jedis() {
        return redis.clients.jedis.RedisClusterClient.create(new HostAndPort(Programs.HOST, Programs.PORT));
    }

    static void jedisFinds() {
        try (var client = jedis()) {
            KEYS.forEach(key -> Programs.equal(client.set(key, "of " + key), "OK"));
            KEYS.forEach(key -> Programs.equal(client.get(key), "of " + key));
            Programs.equal(client.getClusterNodes().size(), 3);
            var pipeline = client.pipelined();
            var answers = KEYS.stream().map(key -> pipeline.append(key, "!")).toList();
            pipeline.sync();
            answers.forEach(answer -> Programs.equal(answer.get() > 7, true));
            Programs.equal(client.eval("return redis.call('GET', KEYS[1])", 1, KEYS.get(7)), "of key:7!");
        }
    }

    static void jedisGoesOn() throws Exception {
        try (var client = jedis()) {
            KEYS.forEach(key -> client.set(key, "before"));
            var names = new HashSet<>(client.getClusterNodes().keySet());
            names.remove(Programs.HOST + ":" + Programs.PORT);
            Programs.ask("end " + names.iterator().next().split(":")[1]);
            KEYS.forEach(key -> Programs.equal(client.set(key, "after"), "OK"));
            KEYS.forEach(key -> Programs.equal(client.get(key), "after"));
            Programs.equal(client.getClusterNodes().size(), 2);
        }
    }
}
