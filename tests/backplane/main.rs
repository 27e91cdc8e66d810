//! Several servers as one: nodes and the engine between them as processes, clients on different nodes.
//!
//! It needs nats-server. Without it the tests are ignored by name and with the reason; where `CI` is `true` they fail instead.

use std::process::ExitCode;

use libtest_mimic::Arguments;

#[path = "../support/mod.rs"]
pub mod support;

mod crossing;
mod engine;
mod losing;
mod node;

use self::support::nats;
use self::support::trial::Unchecked;

/// The names of functions, and the functions.
macro_rules! tests {
    ($($module:ident: $($test:ident)+;)+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($test)), $module::$test as fn()),)+)+]
    };
}

const TESTS: &[(&str, fn())] = tests! {
    crossing:
        what_one_node_publishes_is_heard_at_the_others_by_channel_pattern_and_shard
        names_of_any_bytes_and_payloads_of_any_length_arrive_as_they_are
        p4_who_publishes_anywhere_after_a_confirmation_is_heard
        p1_p6_order_and_number_hold_while_interest_widens_and_narrows
        a_node_without_interest_is_sent_nothing
        very_many_channels_are_asked_for_and_given_up_again
        transactions_and_scripts_publish_to_all_nodes
        what_happens_to_keys_stays_with_the_node_that_has_them;
    engine:
        an_engine_with_a_password_and_with_tls_is_used
        what_is_no_message_is_counted_and_hurts_nobody
        p11_backplane_pieces_limit_bounds_what_is_not_whole
        deployments_with_different_prefixes_do_not_hear_each_other
        what_cannot_work_is_said_at_the_start;
    losing:
        without_an_engine_a_node_serves_its_own_clients_and_joins_when_it_comes
        an_engine_that_dies_and_comes_back_finds_all_interest_again
        p7_a_stalled_engine_keeps_no_publisher_waiting
        p11_backplane_queue_limit_bounds_what_waits_for_the_engine
        a_node_that_is_killed_and_started_again_hears_everything_from_then_on;
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = nats::missing();
    let trials = TESTS.iter().map(|&(name, test)| {
        let run = move || {
            test();
            Ok(())
        };
        Unchecked { name: name.to_string(), run: Box::new(run) }.unless(missing.as_deref())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
