//! Programs that people run on Redis beside their own: locks, limiters, caches, queues, most of which live on scripts.
//!
//! Each suite is a program of its own, as those of the client libraries are, and its cases are what these libraries do.
//! `docs/works-with.md` lists them with the versions that the lock files name.

use crate::cases::{Case, open};
use crate::program::Program;
use crate::support::engine::EngineKind;
use crate::support::language::Language;
use crate::support::trial::Unchecked;

/// Libraries of one kind, and what they are asked to do.
struct Suite {
    name: &'static str,
    program: Program,
    cases: &'static [Case],
}

/// The trials of all suites in a language: one for each case, and one that compares the lists of cases.
pub(crate) fn trials(language: Language) -> impl Iterator<Item = Unchecked> {
    let suites = SUITES.iter().filter(move |suite| suite.program.language == language);
    suites.flat_map(|suite| {
        let agreement = Unchecked {
            name: format!("{}::program_and_harness_know_the_same_cases", suite.name),
            run: Box::new(|| suite.program.compare_case_lists(suite.cases)),
        };
        let trials = suite.cases.iter().map(|case| Unchecked {
            name: format!("{}::{}", suite.name, case.name),
            run: Box::new(|| suite.program.run(case, None)),
        });
        std::iter::once(agreement).chain(trials)
    })
}

/// The trials of what these programs publish at one node and hear at another, through such an engine.
pub(crate) fn trials_between_nodes(language: Language, kind: EngineKind) -> impl Iterator<Item = Unchecked> {
    let suites = SUITES.iter().filter(move |suite| suite.program.language == language && kind != EngineKind::Pregon);
    suites.flat_map(move |suite| {
        let cases = suite.cases.iter().filter(|case| BETWEEN_NODES.contains(&case.name));
        cases.map(move |case| Unchecked {
            name: format!("{}::{} (two nodes, {})", suite.name, case.name, kind.name()),
            run: Box::new(move || suite.program.run_between_nodes(kind, case, None)),
        })
    })
}

/// Those of the cases that need no keys.
const BETWEEN_NODES: [&str; 16] = [
    "channels_sends_to_groups_by_channels",
    "socket_io_takes_what_another_process_emits",
    "rooms_of_all_processes_are_reached",
    "all_processes_are_asked_and_answer",
    "rooms_of_all_processes_are_reached_by_sharded_channels",
    "all_processes_are_asked_and_answer_by_sharded_channels",
    "jedis_runs_scripts_and_hears_what_they_publish",
    "jedis_hears_patterns_and_bytes_of_every_value",
    "lettuce_hears_channels_and_sharded_channels",
    "lettuce_hears_patterns_and_bytes_of_every_value",
    "lettuce_returns_after_the_server_restarts",
    "redisson_hears_topics_and_patterns",
    "phpredis_broadcasts_reach_subscribers_of_both_libraries",
    "phpredis_every_byte_and_a_megabyte_reach_subscribers_of_both_libraries",
    "predis_broadcasts_reach_subscribers_of_both_libraries",
    "predis_every_byte_and_a_megabyte_reach_subscribers_of_both_libraries",
];

static SUITES: &[Suite] = &[
    Suite {
        name: "python_locks",
        program: Program { language: Language::Python, source: "locks.py" },
        cases: &[
            open("redis_py_gives_a_lock_to_one_and_lets_only_that_one_release_it"),
            open("redis_py_extends_a_lock_that_is_held"),
            open("redis_py_loses_a_lock_that_expires"),
            open("redis_py_lets_threads_take_turns"),
            open("redis_py_asyncio_gives_extends_and_releases_a_lock"),
            open("redis_py_asyncio_lets_tasks_take_turns"),
            open("redlock_py_gives_a_lock_to_one_and_lets_only_that_one_release_it"),
            open("pottery_gives_extends_and_releases_a_lock"),
            open("pottery_asyncio_gives_extends_and_releases_a_lock"),
            open("pottery_counts_ids_that_are_never_given_twice"),
        ],
    },
    Suite {
        name: "python_limiters",
        program: Program { language: Language::Python, source: "limiters.py" },
        cases: &[
            open("limits_counts_in_fixed_windows"),
            open("limits_counts_in_moving_windows"),
            open("limits_counts_in_sliding_windows"),
            open("limits_counts_with_asyncio"),
            open("slowapi_refuses_requests_beyond_the_limit"),
        ],
    },
    Suite {
        name: "python_caches",
        program: Program { language: Language::Python, source: "caches.py" },
        cases: &[
            open("django_keeps_its_cache"),
            open("django_redis_keeps_its_cache"),
            open("django_redis_knows_how_long_keys_live"),
            open("django_redis_counts_what_expires"),
            open("django_redis_finds_and_deletes_keys_by_pattern"),
            open("django_redis_locks"),
            open("aiocache_keeps_counts_and_forgets"),
            open("aiocache_locks_with_scripts"),
        ],
    },
    Suite {
        name: "python_queues",
        program: Program { language: Language::Python, source: "queues.py" },
        cases: &[
            open("taskiq_works_through_a_list"),
            open("taskiq_works_through_a_channel"),
            open("taskiq_works_through_a_stream"),
            open("channels_sends_to_groups_by_channels"),
        ],
    },
    Suite {
        name: "node_programs",
        program: Program { language: Language::Node, source: "programs.mjs" },
        cases: &[
            open("redlock_gives_a_lock_to_one_and_lets_only_that_one_release_it"),
            open("redlock_waits_for_a_lock_until_it_is_free_or_expires"),
            open("fastify_refuses_requests_beyond_the_limit"),
            open("fastify_makes_those_wait_longer_who_go_on_asking"),
            open("express_refuses_requests_beyond_the_limit"),
            open("rate_limiter_flexible_limits_by_ioredis"),
            open("rate_limiter_flexible_limits_by_node_redis"),
            open("rate_limiter_flexible_lets_bursts_and_queues_through"),
            open("socket_io_takes_what_another_process_emits"),
        ],
    },
    Suite {
        name: "socket_io",
        program: Program { language: Language::Node, source: "socket_io.mjs" },
        cases: &[
            open("rooms_of_all_processes_are_reached"),
            open("all_processes_are_asked_and_answer"),
            open("rooms_of_all_processes_are_reached_by_sharded_channels"),
            open("all_processes_are_asked_and_answer_by_sharded_channels"),
        ],
    },
    Suite {
        name: "go_programs",
        program: Program { language: Language::Go, source: "programs" },
        cases: &[
            open("redsync_gives_extends_and_releases_a_lock"),
            open("redsync_waits_for_a_lock_that_expires"),
            open("redislock_gives_refreshes_and_releases_a_lock"),
            open("redislock_tells_who_has_lost_a_lock"),
            open("redis_rate_counts_down_and_says_when_to_retry"),
            open("rueidis_forgets_what_it_caches_when_it_changes"),
            open("rueidis_runs_scripts_that_the_server_has_not_yet"),
            open("rueidislock_passes_a_lock_on_when_it_is_free"),
        ],
    },
    Suite {
        name: "java_programs",
        program: Program { language: Language::Java, source: "Programs" },
        cases: &[
            open("jedis_forgets_what_it_caches_when_it_changes"),
            open("jedis_runs_scripts_and_hears_what_they_publish"),
            open("jedis_hears_patterns_and_bytes_of_every_value"),
            open("lettuce_forgets_what_it_caches_when_it_changes"),
            open("lettuce_hears_channels_and_sharded_channels"),
            open("lettuce_hears_patterns_and_bytes_of_every_value"),
            open("jedis_goes_on_behind_a_gap"),
            open("lettuce_goes_on_behind_a_gap"),
            open("lettuce_returns_after_the_server_restarts"),
            open("redisson_hears_topics_and_patterns"),
            open("redisson_compares_and_counts"),
            open("redisson_gives_permits_and_opens_latches"),
            open("redisson_passes_elements_through_queues_and_streams"),
            open("redisson_is_told_at_once_that_locks_need_hashes"),
        ],
    },
    Suite {
        name: "laravel",
        program: Program { language: Language::Php, source: "laravel.php" },
        cases: &[
            open("phpredis_broadcasts_reach_subscribers_of_both_libraries"),
            open("phpredis_every_byte_and_a_megabyte_reach_subscribers_of_both_libraries"),
            open("phpredis_a_lock_is_released_by_its_owner_alone"),
            open("phpredis_the_cache_keeps_counts_and_adds_once"),
            open("phpredis_attempts_are_limited"),
            open("phpredis_a_funnel_lets_so_many_in_at_once"),
            open("predis_broadcasts_reach_subscribers_of_both_libraries"),
            open("predis_every_byte_and_a_megabyte_reach_subscribers_of_both_libraries"),
            open("predis_a_lock_is_released_by_its_owner_alone"),
            open("predis_the_cache_keeps_counts_and_adds_once"),
            open("predis_attempts_are_limited"),
            open("predis_a_funnel_lets_so_many_in_at_once"),
        ],
    },
];
