//! Notifications reach the sockets of their user, and no others, whichever server these are connected to.

use libtest_mimic::Failed;

use crate::example::{Case, Example, Stage};
use crate::part::Part;
use crate::support::language::{Language, output_of};

pub(crate) static EXAMPLE: Example = Example::new("live-notifications", &[Language::Node]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_reaches_both_devices_of_a_user_and_everybody", demonstration),
    ("a_notification_reaches_its_user_only", one_user),
    ("an_announcement_crosses_servers", announcement),
    ("the_api_says_what_is_wrong", wrong_calls),
];

/// What keeps this machine from showing a page; `None` when it can.
pub(crate) fn missing_browser() -> Option<&'static str> {
    output_of(CHROMIUM, &["--version"]).is_none().then_some("needs /usr/bin/chromium")
}

const CHROMIUM: &str = "/usr/bin/chromium";

/// Those that need a browser as well.
pub(crate) const IN_A_BROWSER: &[Case] = &[("a_page_in_chromium_shows_the_notification", browser)];

const DEMONSTRATION: &str = "\
ana is connected
ana is connected
bea is connected
2 servers have heard it
ana is notified: your parcel is on its way 📦
ana is notified: your parcel is on its way 📦
2 servers have heard it
bea is notified: ¡cumpleaños feliz!
ana hears: closing at ten
ana hears: closing at ten
bea hears: closing at ten";

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    assert_eq!(example.stage(&[])?.demonstration().join("\n"), DEMONSTRATION);
    Ok(())
}

fn one_user(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let (server, api) = (Service::start(&stage, "server.mjs"), Service::start(&stage, "api.mjs"));
    let [mut ana, mut bea] = ["ana", "bea"].map(|user| device(&stage, &server, user));
    assert_eq!(notify(&stage, &api, "ana", "for ana"), "1 servers have heard it");
    assert_eq!(notify(&stage, &api, "bea", "for bea"), "1 servers have heard it");
    assert_eq!(ana.next_line(), "ana is notified: for ana");
    // The other notification came first: it would have been shown before this one.
    assert_eq!(bea.next_line(), "bea is notified: for bea");
    Ok(())
}

fn announcement(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let servers = [Service::start(&stage, "server.mjs"), Service::start(&stage, "server.mjs")];
    let [mut ana, mut bea] = [device(&stage, &servers[0], "ana"), device(&stage, &servers[1], "bea")];
    ana.say("from here");
    assert_eq!([ana.next_line(), bea.next_line()], ["ana hears: from here", "bea hears: from here"]);
    bea.say("from there");
    assert_eq!([ana.next_line(), bea.next_line()], ["ana hears: from there", "bea hears: from there"]);
    Ok(())
}

fn wrong_calls(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let api = Service::start(&stage, "api.mjs");
    assert_eq!(notify(&stage, &api, "", "nobody"), "refused: POST /users/<id>/notifications");
    assert_eq!(notify(&stage, &api, "ana", &"x".repeat(20_000)), "refused: too long");
    assert_eq!(notify(&stage, &api, "ana", "nobody is there"), "0 servers have heard it");
    Ok(())
}

fn browser(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let (server, api) = (Service::start(&stage, "server.mjs"), Service::start(&stage, "api.mjs"));
    let mut page = stage.start("node", &["browser.mjs", &server.address, "ana", "2"]);
    page.expect("the page is connected as ana");
    for text in ["¡hola!", "<b>not bold</b>"] {
        assert_eq!(notify(&stage, &api, "ana", text), "1 servers have heard it");
        assert_eq!(page.next_line(), format!("the page shows: {text}"));
    }
    page.finish();
    Ok(())
}

/// A program that listens for HTTP.
struct Service {
    address: String,
    _part: Part,
}

impl Service {
    fn start(stage: &Stage, program: &str) -> Service {
        let mut part = stage.start("node", &[program]);
        let ready = part.expect_containing("ready at ");
        let address = ready.rsplit(' ').next().unwrap_or_default().to_string();
        Service { address, _part: part }
    }
}

fn device(stage: &Stage, server: &Service, user: &str) -> Part {
    let mut device = stage.start("node", &["client.mjs", &server.address, user]);
    device.expect(&format!("{user} is connected"));
    device
}

/// What the API answers.
fn notify(stage: &Stage, api: &Service, user: &str, text: &str) -> String {
    stage.start("node", &["notify.mjs", &api.address, user, text]).finish().concat()
}
