//! The manual page, in the language of roff: usage, options, and every directive with what it means.
//!
//! Source: man(7) of groff.

use super::arguments::OPTIONS;
use super::ignored::GROUPS;
use super::param::{Change, Param, Section, Values};
use super::print::{default_shown, only};
use super::table::WORKING;
use crate::version::VERSION;

/// When what this page says was last looked at, which a release does.
const DATE: &str = "2026-11-26";

/// The text of `--print-man`.
pub(super) fn page() -> String {
    let mut page = Page::default();
    page.introduction();
    page.options();
    page.directives();
    page.without_effect();
    page.rest();
    page.text
}

/// What stands behind the options and directives: a heading, and paragraphs of which a first line may be set apart.
const REST: &[(&str, &[(&str, &str)])] = &[
    (
        "CLIENT",
        &[
            (
                "",
                "The binary is a client, too, with the options of redis-cli: as 'pregon cli', and under the name redis-cli.",
            ),
            ("", "'pregon cli --help' lists its options."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "The server drains as drain-wait and drain-time say, writes what is queued, and ends. A second one ends it at once.",
            ),
            ("SIGHUP", "The log file is opened anew, and the configuration file is read again."),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "The server was told to end, or what was asked for was printed or found right."),
            (
                "1",
                "It could not start; one line on standard error says where, why, and what to do. Or --check found errors.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            ("PREGON_DEFAULTS", "Lines of a configuration that are read before everything else."),
            ("PREGON_CLI_OPTIONS", "Options of the client that count as if they stood before all others."),
            ("REDISCLI_AUTH", "The client's password."),
        ],
    ),
    ("SEE ALSO", &[("", "redis-cli(1), systemd.service(5), nats-server")]),
];

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn introduction(&mut self) {
        self.text = format!(".TH PREGON 1 {DATE} \"Pregon {VERSION}\"\n");
        self.heading("NAME");
        self.line("pregon - a pub/sub server that speaks the Redis protocol");
        self.heading("SYNOPSIS");
        self.line("pregon [FILE] [-] [--directive value ...]");
        self.request(".br", &[]);
        self.line("pregon cli [OPTIONS] [COMMAND [ARGUMENT ...]]");
        self.heading("DESCRIPTION");
        self.line(
            "FILE is a configuration file in the format of redis.conf, and - reads more of it from standard input. Directives \
             on the command line come last and win. Without any, the defaults below apply.",
        );
        self.request(".PP", &[]);
        self.line(
            "In a file a directive stands on a line with its values, without the two dashes, with quotes around values with \
             blanks. 'include' with a path or a pattern reads other files at that place.",
        );
    }

    fn options(&mut self) {
        self.heading("OPTIONS");
        for option in OPTIONS {
            self.item(&option.usage(), option.doc);
        }
    }

    fn directives(&mut self) {
        let defaults = Values::default();
        self.heading("DIRECTIVES");
        for section in Section::ALL.into_iter().filter(|section| *section != Section::NoEffect) {
            self.request(".SS", &[section.title()]);
            for param in WORKING.iter().filter(|param| param.section == section) {
                self.directive(param, &defaults);
            }
        }
    }

    fn directive(&mut self, param: &Param, defaults: &Values) {
        self.item(&format!("--{} <{}>", param.name, param.expects()), &param.prose());
        let change = match param.change {
            Change::Runtime => "Changes at run time.",
            Change::Protected => "Changes at run time where enable-protected-configs allows it.",
            Change::Start | Change::FileOnly => "Changes only at start.",
        };
        // What has a sample depends on the machine, or has no default.
        let default = match param.sample {
            Some(_) => String::new(),
            None => format!("Default: {}. ", default_shown(param, defaults)),
        };
        self.line(&format!("{default}{change}"));
    }

    fn without_effect(&mut self) {
        self.request(".SS", &[Section::NoEffect.title()]);
        self.line("A file made for Redis may contain them: they are checked, and what asks for something is named in a warning.");
        for group in GROUPS {
            let names: Vec<&str> = group.params.iter().flat_map(Param::names).collect();
            self.item(group.title, &format!("{} {}.", group.why, names.join(", ")));
            for param in group.params {
                param.only_default.iter().for_each(|why| self.line(&only(param, why)));
            }
        }
    }

    fn rest(&mut self) {
        for (heading, paragraphs) in REST {
            self.heading(heading);
            for (title, text) in *paragraphs {
                match *title {
                    "" => self.line(text),
                    title => self.item(title, text),
                }
            }
        }
    }

    fn heading(&mut self, title: &str) {
        self.request(".SH", &[title]);
    }

    /// A paragraph behind a title in bold.
    fn item(&mut self, title: &str, text: &str) {
        self.request(".TP", &[]);
        self.text += &format!("\\fB{}\\fR\n", escaped(title));
        self.line(text);
    }

    fn request(&mut self, name: &str, arguments: &[&str]) {
        self.text += name;
        for argument in arguments {
            self.text += &format!(" \"{}\"", escaped(argument).replace('"', "\\(dq"));
        }
        self.text.push('\n');
    }

    fn line(&mut self, text: &str) {
        // What begins like a request is none.
        let guard = if text.starts_with('.') { "\\&" } else { "" };
        self.text += &format!("{guard}{}\n", escaped(text));
    }
}

/// A text in which nothing means more than itself.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
}
