//! TLS as clients in their own languages meet it: certificates that are renewed, have ended or are another's, and versions.

use std::process::Command;

use libtest_mimic::Failed;

use crate::Suite;
use crate::cases::{Case, EVERY_CLIENT, OVER_TLS, open};
use crate::program::{Served, protection};
use crate::support::encrypted::{Encrypted, Shows};
use crate::support::language::Language;
use crate::support::trial::Unchecked;

/// What a client library says of a certificate that it refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusals {
    /// It has ended.
    pub(crate) ended: &'static str,
    /// It is for another name than that by which the client knows the server.
    pub(crate) of_another: &'static str,
}

/// A case, and what it is tried with.
struct Setting {
    name: &'static str,
    case: &'static str,
    shows: Shows,
    /// Whether clients show a certificate, which the server wants to see.
    is_shown_one: bool,
    server: &'static [&'static str],
    /// The newest version that the client is to speak; libraries that cannot be told are not tried.
    newest: Option<&'static str>,
}

impl Setting {
    const fn of(name: &'static str, case: &'static str) -> Self {
        Setting { name, case, shows: Shows::Valid, is_shown_one: true, server: &[], newest: None }
    }

    fn refusal(&self, refusals: Refusals) -> &'static str {
        match self.shows {
            // By the server, and how a library tells that depends on what it was doing.
            Shows::Valid => "",
            Shows::Ended => refusals.ended,
            Shows::OfAnother => refusals.of_another,
        }
    }
}

const DELIVERS: &str = "a_message_arrives_as_it_was_published";
const REFUSES: &str = "a_refused_certificate_is_told";

const SETTINGS: [Setting; 6] = [
    Setting::of("a_connection_outlives_its_certificate", "a_connection_outlives_its_certificate"),
    Setting { shows: Shows::Ended, ..Setting::of("a_certificate_that_has_ended_is_refused", REFUSES) },
    Setting { shows: Shows::OfAnother, ..Setting::of("a_certificate_for_another_name_is_refused", REFUSES) },
    Setting { is_shown_one: false, ..Setting::of("who_shows_no_certificate_is_refused", REFUSES) },
    Setting { server: TLS_1_2, ..Setting::of("tls_1_2_is_spoken_where_nothing_else_is", DELIVERS) },
    Setting { newest: Some("TLSv1.2"), ..Setting::of("who_speaks_nothing_newer_than_tls_1_2_is_served", DELIVERS) },
];

/// For a server that speaks nothing newer.
pub(crate) const TLS_1_2: &[&str] = &["--tls-protocols", "TLSv1.2"];

/// The trials of a suite over TLS: some of the usual cases, and what is about TLS itself.
pub(crate) fn trials(suite: Suite) -> impl Iterator<Item = Unchecked> {
    let usual = EVERY_CLIENT.iter().filter(|case| OVER_TLS.contains(&case.name));
    let usual = usual.map(move |case| (Setting::of(case.name, case.name), *case));
    let can_be_told = matches!(suite.program.language, Language::Node | Language::Go);
    let settings = SETTINGS.into_iter().filter(move |setting| setting.newest.is_none() || can_be_told);
    let settings = settings.map(|setting| {
        let case = open(setting.case);
        (setting, case)
    });
    usual.chain(settings).map(move |(setting, case)| Unchecked {
        name: format!("{}::tls::{}", suite.name, setting.name),
        run: Box::new(move || run(suite, &setting, &case)),
    })
}

fn run(suite: Suite, setting: &Setting, case: &Case) -> Result<(), Failed> {
    let mut server = Encrypted::start(setting.shows, &[setting.server, protection(case)].concat());
    let mut command = suite.program.command()?;
    describe(&server, &mut command, setting.is_shown_one);
    command.env("PREGON_REFUSAL", setting.refusal(suite.refusals));
    command.envs(setting.newest.map(|newest| ("PREGON_TLS_MAX", newest)));
    let ports = [server.port; 2];
    suite.program.run_against(&mut server, ports, command, case, Some(3))
}

/// Tells a program where it finds what it needs.
fn describe(server: &Encrypted, command: &mut Command, shows_one: bool) {
    command.env("PREGON_CA", server.authority.path("ca.pem")).env("PREGON_NEXT_CA", server.next.path("ca.pem"));
    if shows_one {
        let files = [("PREGON_CERT", "alice.pem"), ("PREGON_KEY", "alice.key")];
        command.envs(files.map(|(name, file)| (name, server.authority.path(file))));
    }
}

impl Served for Encrypted {
    fn obey(&mut self, order: &str) {
        match order {
            "renew" => self.renew(),
            _ => self.server.obey(order),
        }
    }

    fn log(&self) -> String {
        self.server.log()
    }
}
