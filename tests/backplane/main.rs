//! Several servers as one: nodes and the engine between them as processes, clients on different nodes.
//!
//! What needs an engine that this machine lacks, nats-server or redis-server, is ignored by name and with the reason; where
//! `CI` is `true` it fails instead.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

#[path = "../support/mod.rs"]
pub mod support;

mod cluster;
mod credentials;
mod crossing;
mod engine;
mod forward;
mod losing;
mod node;
mod nodes;
mod users;

use self::node::Engine;
use self::support::engine::EngineKind;
use self::support::trial::Unchecked;

/// Tests: of what holds with an engine, and such that begin what they need.
type OfEngine = fn(&mut Engine);
type OfItself = fn();

/// The names of functions, and the functions.
macro_rules! tests {
    ([$type:ty] $($module:ident: $($test:ident)+;)+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($test)), $module::$test as $type),)+)+]
    };
}

/// For every engine.
const OF_ALL: &[(&str, OfEngine)] = tests! { [OfEngine]
    cluster:
        keys_lie_on_one_node_each_and_clients_are_sent_there
        all_keys_of_a_transaction_have_one_slot
        messages_are_taken_at_any_node_of_a_cluster
        slots_of_a_node_that_goes_go_to_the_others_and_come_back_with_it
        clients_are_sent_to_ports_at_which_they_can_speak
        keys_of_slots_that_another_node_has_got_go_in_time
        a_cluster_without_an_engine_is_down;
    crossing:
        what_one_node_publishes_is_heard_at_the_others_by_channel_pattern_and_shard
        names_of_any_bytes_and_payloads_of_any_length_arrive_as_they_are
        p4_who_publishes_anywhere_after_a_confirmation_is_heard
        p1_p6_order_and_number_hold_while_interest_widens_and_narrows
        a_node_without_interest_is_sent_nothing
        very_many_channels_are_asked_for_and_given_up_again
        transactions_and_scripts_publish_to_all_nodes
        what_happens_to_keys_stays_with_the_node_that_has_them;
    losing:
        without_an_engine_a_node_serves_its_own_clients_and_joins_when_it_comes
        an_engine_that_dies_and_comes_back_finds_all_interest_again
        p7_a_stalled_engine_keeps_no_publisher_waiting
        p11_backplane_queue_limit_bounds_what_waits_for_the_engine
        a_node_that_is_killed_and_started_again_hears_everything_from_then_on
        publish_is_refused_without_an_engine_where_it_is_to_be;
    nodes:
        nodes_find_each_other_and_notice_who_goes
        pubsub_answers_for_all_nodes
        publish_counts_the_receivers_at_all_nodes_where_it_is_to
        very_many_names_of_other_nodes_are_listed
        a_node_that_does_not_answer_is_missing_from_the_answer_and_that_is_counted
        what_was_published_before_a_node_ends_is_heard_at_the_others
        what_can_be_changed_while_nodes_run_takes_effect;
};

/// For upstreams that speak the Redis protocol.
const OF_UPSTREAMS: &[(&str, OfEngine)] = tests! { [OfEngine]
    engine:
        clients_of_an_upstream_hear_those_of_nodes_and_are_heard;
    losing:
        without_an_upstream_messages_are_heard_at_their_own_node_once;
};

/// For a Redis alone.
const OF_REDIS: &[(&str, OfEngine)] = tests! { [OfEngine]
    forward:
        a_client_that_uses_everything_notices_no_difference
        values_of_any_length_and_many_requests_at_once_go_through
        what_is_published_is_heard_behind_what_its_publisher_has_stored_before
        who_waits_for_keys_is_served_and_waits_no_more_when_it_has_gone
        caches_are_told_what_to_forget
        without_an_upstream_commands_on_keys_fail_and_nothing_is_done_twice
        subscribers_of_either_protocol_use_keys_as_they_may
        who_ends_its_own_direction_gets_the_answers_that_are_due;
    users:
        rights_are_judged_before_anything_is_sent_on
        p11_a_transaction_that_the_upstream_executes_publishes_no_more_than_its_user_may;
};

/// For NATS alone.
const OF_NATS: &[(&str, OfItself)] = tests! { [OfItself]
    credentials:
        keys_and_credentials_of_nats_are_used_and_renewed
        a_connection_is_encrypted_before_a_word_is_said_where_it_is_to_be;
    engine:
        an_engine_with_a_password_and_with_tls_is_used
        what_is_no_message_is_counted_and_hurts_nobody
        p11_backplane_pieces_limit_bounds_what_is_not_whole
        deployments_with_different_prefixes_do_not_hear_each_other;
    losing:
        a_cluster_of_nats_joins_nodes_and_survives_one_of_its_servers;
};

/// That need no engine but ours.
const OF_NONE: &[(&str, OfItself)] = tests! { [OfItself]
    engine:
        an_upstream_with_users_and_tls_is_used
        what_cannot_work_is_said_at_the_start;
    forward:
        keys_are_forwarded_to_an_upstream_only;
    users:
        an_upstream_with_users_and_tls_has_the_keys;
};

/// That need a Redis and start it themselves.
const OF_OWN_REDIS: &[(&str, OfItself)] = tests! { [OfItself]
    users:
        a_client_is_at_the_upstream_who_it_has_said_to_be_where_that_is_to_be;
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for kind in EngineKind::ALL {
        let missing = kind.missing();
        let upstreams = OF_UPSTREAMS.iter().filter(|_| kind != EngineKind::Nats);
        let redis = OF_REDIS.iter().filter(|_| kind == EngineKind::Redis);
        for &(name, test) in OF_ALL.iter().chain(upstreams).chain(redis) {
            let name = format!("{name} ({})", kind.name());
            trials.push(trial(name, move || test(&mut kind.start()), missing.as_deref()));
        }
    }
    let no_nats = EngineKind::Nats.missing();
    let no_redis = EngineKind::Redis.missing();
    for (tests, missing) in [(OF_NATS, no_nats.as_deref()), (OF_OWN_REDIS, no_redis.as_deref()), (OF_NONE, None)] {
        trials.extend(tests.iter().map(|&(name, test)| trial(name.to_string(), test, missing)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, test: impl FnOnce() + Send + 'static, missing: Option<&str>) -> Trial {
    let run = move || {
        test();
        Ok(())
    };
    Unchecked { name, run: Box::new(run) }.unless(missing)
}
