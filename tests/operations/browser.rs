//! Chromium without a window, Debian's package, driven by the DevTools protocol through its standard input and output.
//!
//! Source: <https://chromedevtools.github.io/devtools-protocol/>, and `--remote-debugging-pipe` of Chromium: messages that end
//! with a zero byte, read from descriptor 3 and written to descriptor 4.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::DEADLINE;

/// Lets a page say that something holds as soon as it does, which it looks for twenty times a second.
const UNTIL: &str = "new Promise((done) => { const look = () => { const found = (() => { try { return SCRIPT } catch { return null } })(); \
                     found ? done(found) : setTimeout(look, 50); }; look(); })";

/// A browser with one page, ended with the test.
pub(crate) struct Browser {
    child: Child,
    input: ChildStdin,
    said: Receiver<Value>,
    session: String,
    number: u64,
    /// What it has said without being asked.
    events: Vec<Value>,
    _dir: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Browser {
        let dir = tempfile::tempdir().expect("a directory");
        // The shell gives it the descriptors. Who is root in a container has no sandbox.
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
                      --no-first-run --remote-debugging-pipe --user-data-dir=\"$0\" about:blank 3<&0 4>&1 >/dev/null";
        let spawned = Command::new("sh")
            .args(["-c", script])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = spawned.expect("chromium starts");
        let input = child.stdin.take().expect("it reads what it is told");
        let output = BufReader::new(child.stdout.take().expect("it says what it does"));
        let (to, said) = channel();
        thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let value = serde_json::from_slice(&message).expect("messages are JSON");
                if to.send(value).is_err() {
                    return;
                }
            }
        });
        let (session, number, events) = (String::new(), 0, Vec::new());
        let mut browser = Browser { child, input, said, session, number, events, _dir: dir };
        let targets = browser.call("Target.getTargets", &json!({}));
        let pages = targets["targetInfos"].as_array().into_iter().flatten();
        let page = pages.into_iter().find(|target| target["type"] == "page").expect("it has opened a page")["targetId"]
            .clone();
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": page, "flatten": true }));
        browser.session = attached["sessionId"].as_str().expect("a name").to_owned();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Has the page, or before it is known the browser, do something.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        let bytes = [message.to_string().as_bytes(), b"\0"].concat();
        self.input.write_all(&bytes).expect("the browser reads");
        loop {
            let said = self.said.recv_timeout(DEADLINE);
            let said = said.unwrap_or_else(|error| panic!("the browser has not answered to {message}: {error}"));
            if said["id"] == self.number {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].clone();
            }
            self.events.push(said);
        }
    }

    /// Opens a page.
    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
    }

    /// What a script comes to in the page.
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{script}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// The same, as soon as that is something: true, a text, a number other than 0.
    pub(crate) fn wait_for(&mut self, script: &str) -> Value {
        self.evaluate(&UNTIL.replace("SCRIPT", script))
    }

    /// Shows the page in so many pixels of width, to somebody who likes it light or dark.
    pub(crate) fn view(&mut self, width: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// A picture of what can be seen, as PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        STANDARD.decode(picture["data"].as_str().expect("text")).expect("base64")
    }

    /// Presses the key that leads to the next thing that can be used.
    pub(crate) fn press_tab(&mut self) {
        for kind in ["rawKeyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", &json!({ "type": kind, "key": "Tab", "windowsVirtualKeyCode": 9 }));
        }
    }

    fn events_of(&self, method: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["method"] == method).map(|event| &event["params"])
    }

    /// What the page or the browser has complained of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let methods = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"];
        methods.iter().flat_map(|method| self.events_of(method)).map(Value::to_string).collect()
    }

    /// What the page has asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self.events_of("Network.requestWillBeSent");
        sent.filter_map(|event| event["request"]["url"].as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
