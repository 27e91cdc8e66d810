//! What operators use beside the server, as they use it: Prometheus and its tools, a browser, and what is in `deploy`.
//!
//! What this machine lacks is ignored by name and with the reason; where `CI` is `true` it fails instead.

#[path = "../support/mod.rs"]
pub mod support;

mod browser;
mod deployment;
mod page;
mod prometheus;
mod resolving;
mod shells;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

use support::trial::Unchecked;

/// A test, with its name and the programs that it needs.
type Case = (&'static str, &'static [&'static str], fn());

const CASES: &[Case] = &[
    (
        "alerts_and_dashboard_use_metrics_that_there_are",
        &[],
        deployment::alerts_and_dashboard_use_metrics_that_there_are,
    ),
    ("each_alert_is_explained", &[], deployment::each_alert_is_explained),
    (
        "promtool_approves_of_alerts_and_of_what_is_scraped",
        &["promtool"],
        deployment::promtool_approves_of_alerts_and_of_what_is_scraped,
    ),
    ("systemd_approves_of_the_unit", &["systemd-analyze"], deployment::systemd_approves_of_the_unit),
    (
        "manifests_ask_what_is_answered_and_give_time_enough",
        &[],
        deployment::manifests_ask_what_is_answered_and_give_time_enough,
    ),
    (
        "the_compose_file_starts_the_server_as_it_can_be_started",
        &[],
        deployment::the_compose_file_starts_the_server_as_it_can_be_started,
    ),
    ("the_manual_page_has_no_mistakes", &["mandoc", "groff"], shells::the_manual_page_has_no_mistakes),
    ("bash_completes_options_directives_and_their_words", &["bash"], shells::bash_completes),
    ("zsh_reads_the_completions", &["zsh"], shells::zsh_reads_the_completions),
    ("fish_completes_options_directives_and_their_words", &["fish"], shells::fish_completes),
    ("promtool_finds_nothing_to_correct", &["promtool"], prometheus::promtool_finds_nothing_to_correct),
    (
        "a_busy_server_is_shown_and_goes_on_being_shown",
        &["chromium"],
        page::a_busy_server_is_shown_and_goes_on_being_shown,
    ),
    (
        "names_of_channels_are_shown_as_text_whatever_they_are",
        &["chromium"],
        page::names_of_channels_are_shown_as_text_whatever_they_are,
    ),
    (
        "it_is_readable_on_a_phone_with_keys_in_the_light_and_in_the_dark",
        &["chromium"],
        page::it_is_readable_on_a_phone_with_keys_in_the_light_and_in_the_dark,
    ),
    (
        "a_page_that_hears_nothing_any_more_says_so_and_goes_on_when_the_server_is_back",
        &["chromium"],
        page::a_page_that_hears_nothing_any_more_says_so_and_goes_on_when_the_server_is_back,
    ),
    ("prometheus_scrapes_and_answers_with_the_right_number", &["prometheus"], prometheus::prometheus_scrapes),
    (
        "a_name_server_that_hangs_keeps_only_those_waiting_who_ask_for_a_name",
        &["unshare"],
        resolving::a_name_server_that_hangs_keeps_only_those_waiting_who_ask_for_a_name,
    ),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = CASES.iter().map(|&(name, programs, test)| {
        let missing = programs.iter().find_map(|program| missing(program));
        let run = move || {
            test();
            Ok(())
        };
        Unchecked { name: name.into(), run: Box::new(run) }.unless(missing.as_deref())
    });
    let trials: Vec<Trial> = trials.collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Why this machine cannot run a program, if it cannot.
fn missing(program: &str) -> Option<String> {
    if program == "unshare" {
        return resolving::missing();
    }
    let output = Command::new(program).arg("--version").output();
    output.err().map(|_| format!("{program} is not on PATH"))
}
