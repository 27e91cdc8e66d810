<?php
// What Laravel does with Redis, by its own classes: broadcasts, locks, the cache, limits; each by phpredis and by predis.

foreach (['Broadcasting', 'Cache', 'Container', 'Redis'] as $part) {
    require_once "Illuminate/$part/autoload.php";
}
require_once 'Predis/autoload.php';

use Illuminate\Broadcasting\Broadcasters\RedisBroadcaster;
use Illuminate\Cache\RateLimiter;
use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Container\Container;
use Illuminate\Contracts\Cache\LockTimeoutException;
use Illuminate\Redis\RedisManager;

const DEADLINE_SECONDS = 20;

// The two libraries that Laravel knows, by the names that its configuration has for them.
const DRIVERS = ['phpredis', 'predis'];

function redis(string $driver, string $port = 'PREGON_PORT'): RedisManager
{
    return new RedisManager(new Container(), $driver, ['default' => [
        'host' => getenv('PREGON_HOST'),
        'port' => (int) getenv($port),
        'read_write_timeout' => DEADLINE_SECONDS,
    ]]);
}

function equal($got, $want): void
{
    if ($got !== $want) {
        throw new Exception('got ' . var_export($got, true) . ', want ' . var_export($want, true));
    }
}

function fails(string $exception, callable $function): void
{
    try {
        $function();
    } catch (Throwable $error) {
        equal(get_class($error), $exception);
        return;
    }
    throw new Exception("no $exception");
}

// A process that prints what it hears, where subscribers are, until its server or its parent ends it.
function listener(string $driver): array
{
    $process = proc_open([PHP_BINARY, __FILE__, LISTEN, $driver], [1 => ['pipe', 'w']], $pipes);
    return [$process, $pipes[1]];
}

// A message as listeners print it, in one line whatever bytes it has.
function line(string $channel, string $message): string
{
    return rawurlencode($channel) . ' ' . rawurlencode($message) . "\n";
}

// Listeners by both libraries, when the server knows of all that they listen to.
function listeners($redis): array
{
    $listeners = array_map('listener', DRIVERS);
    $deadline = time() + DEADLINE_SECONDS;
    while ($redis->connection()->pubsub('numpat') < 2 + count($listeners)) {
        equal(time() < $deadline, true);
        usleep(5000);
    }
    return $listeners;
}

// What PUBLISH answers when so many hear it: those at its own node.
function counted(int $receivers): int
{
    return getenv('PREGON_SUBSCRIBER_PORT') === getenv('PREGON_PORT') ? $receivers : 0;
}

// Its last pattern is its own, by which others know that it listens to all of them.
function listen(string $driver): void
{
    $print = function ($message, $channel) {
        echo line($channel, $message);
    };
    redis($driver, 'PREGON_SUBSCRIBER_PORT')->connection()->psubscribe(['news.*', 'weather', "listener.$driver"], $print);
}

// A broadcast is one script, which publishes to each channel.
function broadcasts_reach_subscribers_of_both_libraries(string $driver): void
{
    $redis = redis($driver);
    $listeners = listeners($redis);
    $broadcaster = new RedisBroadcaster($redis);
    $broadcaster->broadcast(['news.spain', 'news.portugal', 'weather'], 'Cried', ['text' => '¡Pregón! 📯']);
    $broadcaster->broadcast(['nobody', 'news.france'], 'Cried', ['text' => 'encore', 'socket' => '7.1']);
    $first = json_encode(['event' => 'Cried', 'data' => ['text' => '¡Pregón! 📯'], 'socket' => null]);
    $second = json_encode(['event' => 'Cried', 'data' => ['text' => 'encore', 'socket' => '7.1'], 'socket' => '7.1']);
    foreach ($listeners as [$process, $output]) {
        foreach (['news.spain', 'news.portugal', 'weather'] as $channel) {
            equal(fgets($output), line($channel, $first));
        }
        equal(fgets($output), line('news.france', $second));
        proc_terminate($process);
    }
}

function every_byte_and_a_megabyte_reach_subscribers_of_both_libraries(string $driver): void
{
    $redis = redis($driver);
    $listeners = listeners($redis);
    $bytes = implode(array_map('chr', range(0, 255)));
    $messages = [["news.$bytes", $bytes], ['weather', str_repeat($bytes, 4096)]];
    foreach ($messages as [$channel, $message]) {
        equal($redis->connection()->publish($channel, $message), counted(count($listeners)));
    }
    foreach ($listeners as [$process, $output]) {
        foreach ($messages as [$channel, $message]) {
            equal(fgets($output) === line($channel, $message), true);
        }
        proc_terminate($process);
    }
}

function a_lock_is_released_by_its_owner_alone(string $driver): void
{
    $store = new RedisStore(redis($driver), 'shop:');
    $owner = $store->lock('seat', 1000);
    $other = $store->lock('seat', 1000);
    equal($owner->get(), true);
    equal($other->get(), false);
    equal($other->release(), false);
    fails(LockTimeoutException::class, fn () => $other->block(0));
    equal($store->restoreLock('seat', $owner->owner())->release(), true);
    equal($other->get(fn () => 'mine'), 'mine');
    equal($store->lock('for ever')->get(), true);
    equal($store->lock('for ever')->get(), false);
    $store->lock('for ever')->forceRelease();
    equal($store->lock('for ever')->get(), true);
}

function the_cache_keeps_counts_and_adds_once(string $driver): void
{
    $cache = new Repository(new RedisStore(redis($driver), 'shop:'));
    equal($cache->put('seat', ['row' => 7], 1000), true);
    equal($cache->get('seat'), ['row' => 7]);
    equal([$cache->add('seat', 1, 1000), $cache->add('stage', 'main', 1000)], [false, true]);
    equal([$cache->increment('visitors'), $cache->increment('visitors', 4), $cache->decrement('visitors')], [1, 5, 4]);
    equal($cache->putMany(['a' => 'one', 'b' => 'two'], 1000), true);
    equal($cache->many(['a', 'b', 'c']), ['a' => 'one', 'b' => 'two', 'c' => null]);
    equal($cache->remember('c', 1000, fn () => 'three'), 'three');
    equal($cache->pull('c'), 'three');
    equal([$cache->forget('a'), $cache->has('a'), $cache->forever('b', 'still')], [true, false, true]);
    equal($cache->flush(), true);
    equal($cache->has('b'), false);
}

function attempts_are_limited(string $driver): void
{
    $limiter = new RateLimiter(new Repository(new RedisStore(redis($driver))));
    $attempt = fn () => $limiter->attempt('login', 2, fn () => 'in', 1000);
    equal([$attempt(), $attempt(), $attempt()], ['in', 'in', false]);
    equal($limiter->tooManyAttempts('login', 2), true);
    equal($limiter->availableIn('login') > 0, true);
    $limiter->clear('login');
    equal($attempt(), 'in');
}

// A funnel lets so many in at once; a script finds a free place among their keys, another gives it back.
function a_funnel_lets_so_many_in_at_once(string $driver): void
{
    $redis = redis($driver)->connection();
    $enter = fn ($inside) => $redis->funnel('stairs')->limit(2)->releaseAfter(1000)->block(0)->then($inside, fn () => 'full');
    equal($enter(fn () => $enter(fn () => $enter(fn () => 'third'))), 'full');
    equal($enter(fn () => 'free again'), 'free again');
}

const LISTEN = '--listen';

const CASES = [
    'broadcasts_reach_subscribers_of_both_libraries',
    'every_byte_and_a_megabyte_reach_subscribers_of_both_libraries',
    'a_lock_is_released_by_its_owner_alone',
    'the_cache_keeps_counts_and_adds_once',
    'attempts_are_limited',
    'a_funnel_lets_so_many_in_at_once',
];

// Runs the case that the first argument names, or lists all of them.
if ($argv[1] === LISTEN) {
    listen($argv[2]);
} elseif ($argv[1] === '--list') {
    foreach (DRIVERS as $driver) {
        foreach (CASES as $case) {
            echo "{$driver}_$case\n";
        }
    }
} else {
    [$driver, $case] = explode('_', $argv[1], 2);
    $case($driver);
}
