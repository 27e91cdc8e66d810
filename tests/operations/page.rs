//! The page of a busy server, in a browser.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use crate::browser::Browser;
use crate::support::server::next_free_port;
use crate::support::{Peer, TestServer};

/// A client's name that would be a script where names were taken for markup.
const HOSTILE: &str = "<img/src=x/onerror=alert(1)>";

/// A server that has a page, and where.
fn start(args: &[&str]) -> (TestServer, String) {
    let port = next_free_port().to_string();
    let server = TestServer::start(&[&["--metrics-port", &port], args].concat());
    (server, format!("http://127.0.0.1:{port}/"))
}

/// A subscriber of this channel that reads nothing of what comes.
fn stuck(server: &TestServer, name: &str, policy: &str, channel: &str) -> Peer {
    let mut peer = Peer::connect(&server.addr());
    assert_eq!(peer.call(&["CLIENT", "SETNAME", name]), b"+OK\r\n");
    assert_eq!(peer.call(&["PREGON", "SLOW", policy]), b"+OK\r\n");
    peer.send_command(&["SUBSCRIBE", channel]);
    drop(peer.read_frame());
    peer
}

/// Publishes long messages to these channels as fast as they are taken while `work` is done, and has somebody listen who reads.
fn under_load(server: &TestServer, channels: &[&[u8]], work: impl FnOnce()) {
    let client = redis::Client::open(format!("redis://{}/", server.addr())).expect("an address");
    let mut publisher = client.get_connection().expect("it listens");
    let mut reader = Peer::connect(&server.addr());
    reader.send_command(&["SUBSCRIBE", "news"]);
    drop(reader.read_frame());
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let message = vec![b'x'; 10_000];
            while !ends.load(Relaxed) {
                for channel in channels {
                    let published = redis::cmd("PUBLISH").arg(*channel).arg(&message).query::<u64>(&mut publisher);
                    assert!(published.is_ok(), "{published:?}");
                    if *channel == b"news" {
                        drop(reader.read_frame());
                    }
                }
            }
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        ends.store(true, Relaxed);
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Fails if the page has complained of anything, or asked for something elsewhere.
fn check_manners(browser: &Browser, page: &str) {
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    let requests = browser.requests();
    let elsewhere: Vec<_> = requests.iter().filter(|url| !url.starts_with(page)).collect();
    assert!(requests.len() >= 4 && elsewhere.is_empty(), "{elsewhere:?}");
}

/// The text of an element with this id.
fn text_of(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

pub(crate) fn a_busy_server_is_shown_and_goes_on_being_shown() {
    let (server, page) =
        start(&["--slow-subscriber-limit", "100kb 0", "--client-output-buffer-limit", "pubsub 1mb 0 0"]);
    let _losing = stuck(&server, HOSTILE, "conflate", "news");
    let _cut = stuck(&server, "unread", "disconnect", "news");
    under_load(&server, &[b"news"], || {
        let mut browser = Browser::start();
        browser.open(&page);
        browser.wait_for(&format!("{} === 'Live'", text_of("live")));
        for series in ["messages", "deliveries", "commands", "bytes_in", "bytes_out"] {
            let number = "document.querySelector('#card-SERIES .value').textContent".replace("SERIES", series);
            browser.wait_for(&format!("parseFloat({number}) > 0"));
            browser.wait_for(&format!("document.querySelector('#card-{series} .line').getAttribute('d').length > 10"));
        }
        let busiest = "document.querySelector('#channels tr')";
        browser.wait_for(&format!(
            "{busiest}.cells[0].textContent === 'news' && parseFloat({busiest}.cells[1].textContent) > 0"
        ));
        let slow = browser.wait_for(&format!("{slow}.includes('takes nothing') && {slow}", slow = text_of("slow")));
        let slow = slow.as_str().unwrap_or_default();
        assert!(slow.contains(HOSTILE) && slow.contains("conflate"), "{slow}");
        let cut = format!("{rows}.includes('output buffer hard limit reached') && {rows}", rows = text_of("incidents"));
        let incidents = browser.wait_for(&cut);
        let incidents = incidents.as_str().unwrap_or_default();
        assert!(incidents.contains("unread") && incidents.contains(HOSTILE), "{incidents}");
        assert_eq!(browser.evaluate("document.querySelectorAll('td img, td script').length"), 0);
        // It goes on without being loaded again.
        browser.evaluate("globalThis.mark = document.getElementById('uptime').textContent");
        browser.wait_for(&format!("mark !== {}", text_of("uptime")));
        check_manners(&browser, &page);
    });
}

/// Elements with text of which the contrast is lower than WCAG 2 asks for (AA), with the contrast.
const FAINT: &str = r"(() => {
    const parts = (color) => (color.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = (element) => {
        for (; element; element = element.parentElement) {
            const color = parts(getComputedStyle(element).backgroundColor);
            if (color.length < 4 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const contrast = (element) => {
        const [one, other] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    };
    const written = [...document.body.querySelectorAll('*')].filter((element) => element.checkVisibility()
        && [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
    return written.filter((element) => contrast(element) < 4.5).map((element) => `${element.outerHTML} ${contrast(element)}`);
})()";

/// What has the focus, and whether that can be seen.
const FOCUS: &str = r"(() => {
    const element = document.activeElement;
    return [element === document.body ? '' : element.textContent.trim(), getComputedStyle(element).outlineStyle];
})()";

pub(crate) fn names_of_channels_are_shown_as_text_whatever_they_are() {
    let (server, page) = start(&[]);
    let long = "L".repeat(64 * 1024);
    let names: [(&[u8], &str); 5] = [
        (b"news", "news"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"half\xffbinary", "\"half\\xffbinary\""),
        ("gnp\u{202e}exe.png".as_bytes(), "\"gnp\\xe2\\x80\\xaeexe.png\""),
        (long.as_bytes(), "LLLL... (65408 more bytes)"),
    ];
    under_load(&server, &names.map(|(name, _)| name), || {
        let mut browser = Browser::start();
        for width in [360, 1280] {
            browser.view(width, "light");
            browser.open(&page);
            for (_, shown) in &names {
                let shown = serde_json::to_string(shown).expect("text can be quoted");
                browser.wait_for(&format!("{}.includes({shown})", text_of("channels")));
            }
            let scrolled = browser.evaluate("document.documentElement.scrollWidth");
            assert!(scrolled.as_u64().is_some_and(|scrolled| scrolled <= u64::from(width)), "{width}: {scrolled}");
        }
        assert_eq!(browser.evaluate("document.scripts.length"), 1);
        check_manners(&browser, &page);
    });
}

pub(crate) fn it_is_readable_on_a_phone_with_keys_in_the_light_and_in_the_dark() {
    let (server, page) = start(&["--slow-subscriber-limit", "100kb 0"]);
    let name = "n".repeat(60);
    let _losing = stuck(&server, &name, "drop-oldest", "news");
    under_load(&server, &[b"news"], || {
        let mut browser = Browser::start();
        let mut pictures = Vec::new();
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")] {
            browser.view(width, scheme);
            browser.open(&page);
            browser.wait_for(&format!("{}.includes('Lost messages')", text_of("incidents")));
            let scrolled = browser.evaluate("document.documentElement.scrollWidth");
            assert!(scrolled.as_u64().is_some_and(|scrolled| scrolled <= u64::from(width)), "{width}: {scrolled}");
            let faint = browser.evaluate(FAINT);
            assert_eq!(faint.as_array().map(Vec::len), Some(0), "{scheme}: {faint}");
            let picture = browser.screenshot();
            assert!(picture.len() > 10_000, "{width} {scheme}: {} bytes", picture.len());
            assert!(!pictures.contains(&picture));
            pictures.push(picture);
        }
        let mut reached = Vec::new();
        for _ in 0..4 {
            browser.press_tab();
            let focus = browser.evaluate(FOCUS);
            assert_ne!(focus[1], "none", "{focus}");
            reached.push(focus[0].as_str().unwrap_or_default().to_owned());
        }
        assert_eq!(reached, ["Skip to the figures", "Pause", "JSON", "Metrics"]);
        let unnamed = "[...document.querySelectorAll('section, nav, [role=img], th')].filter((element) => !element.hidden \
                       && !element.getAttribute('aria-label') && !element.getAttribute('aria-labelledby') \
                       && element.scope !== 'col').length";
        assert_eq!(browser.evaluate(unnamed), 0);
        check_manners(&browser, &page);
    });
}

pub(crate) fn a_page_that_hears_nothing_any_more_says_so_and_goes_on_when_the_server_is_back() {
    let (mut server, page) = start(&[]);
    let mut browser = Browser::start();
    browser.open(&page);
    browser.wait_for(&format!("{} === 'Live'", text_of("live")));
    server.stop();
    browser.wait_for(&format!("{}.startsWith('Cut off: these figures are')", text_of("live")));
    server.start_again();
    browser.wait_for(&format!("{} === 'Live'", text_of("live")));
}
