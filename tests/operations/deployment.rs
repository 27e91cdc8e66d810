//! The files that others deploy the server with: that they say what the server understands, and that the programs that read
//! them find nothing wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode, Yaml};

use crate::prometheus::{get, start};

/// The server.
const BINARY: &str = env!("CARGO_BIN_EXE_pregon");

/// A file of `deploy`.
fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Has a program look at files, and fails with what it says if it finds something.
fn approve(program: &str, args: &[&str], file: &Path) {
    let output = Command::new(program).args(args).arg(file).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
}

/// The names of metrics in a text.
fn metrics_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("redis_") || word.starts_with("pregon_"))
}

pub(crate) fn alerts_and_dashboard_use_metrics_that_there_are() {
    // Nobody is there, which is enough for the metrics of a backplane.
    let (_server, addr) = start(&["--backplane", "nats://127.0.0.1:1"]);
    let metrics = get(&addr, "/metrics");
    let shown: Vec<&str> = metrics.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    for name in ["prometheus/alerts.yaml", "grafana/pregon.json"] {
        let text = text(&deployed(name));
        assert!(metrics_of(&text).count() > 10, "{name}");
        for metric in metrics_of(&text) {
            assert!(shown.contains(&metric), "{name}: {metric} is not shown");
        }
    }
}

pub(crate) fn promtool_approves_of_alerts_and_of_what_is_scraped() {
    approve("promtool", &["check", "rules"], &deployed("prometheus/alerts.yaml"));
    approve("promtool", &["check", "config"], &deployed("prometheus/scrape.yaml"));
}

pub(crate) fn each_alert_is_explained() {
    let alerts = text(&deployed("prometheus/alerts.yaml"));
    let explained = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md"));
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(explained.contains(&format!("| `{alert}` |")), "{alert}");
    }
}

pub(crate) fn systemd_approves_of_the_unit() {
    let unit = text(&deployed("systemd/pregon.service"));
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pregon.service");
    std::fs::write(&file, unit.replace("/usr/local/bin/pregon", BINARY)).expect("the directory can be written to");
    approve("systemd-analyze", &["verify"], &file);
}

/// All nodes of a tree that are mappings.
fn mappings<'y>(yaml: &'y Yaml<'y>, found: &mut Vec<&'y Yaml<'y>>) {
    if let Some(mapping) = yaml.as_mapping() {
        found.push(yaml);
        mapping.values().for_each(|value| mappings(value, found));
    }
    if let Some(sequence) = yaml.as_sequence() {
        sequence.iter().for_each(|value| mappings(value, found));
    }
}

/// What the server says to a configuration.
fn check_configuration(text: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pregon.conf");
    std::fs::write(&file, text).expect("the directory can be written to");
    let output = Command::new(BINARY).arg(&file).arg("--check").output().expect("the server starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn manifests_ask_what_is_answered_and_give_time_enough() {
    let (_server, addr) = start(&[]);
    for name in ["kubernetes/pregon.yaml", "kubernetes/nodes.yaml"] {
        let text = text(&deployed(name));
        let documents = Yaml::load_from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut found = Vec::new();
        documents.iter().for_each(|document| mappings(document, &mut found));
        let values = |key: &str| found.iter().filter_map(|node| node.as_mapping_get(key)).collect::<Vec<_>>();
        let configuration = values("pregon.conf")[0].as_str().expect("text");
        check_configuration(configuration);
        let seconds = |directive: &str| {
            let line = configuration.lines().find_map(|line| line.strip_prefix(directive));
            line.and_then(|rest| rest.trim().parse::<i64>().ok()).unwrap_or_else(|| panic!("{name}: {directive}"))
        };
        let needed = seconds("drain-wait") + seconds("drain-time") + seconds("shutdown-timeout");
        let given = values("terminationGracePeriodSeconds")[0].as_integer().expect("a number");
        assert!(given > needed, "{name}: {given} s for {needed}");
        let paths = values("path");
        assert_eq!(paths.len(), 3, "{name}: a probe for the start, for life and for readiness");
        for path in paths {
            get(&addr, path.as_str().expect("text"));
        }
        let ports: Vec<i64> = values("containerPort").iter().filter_map(|port| port.as_integer()).collect();
        assert_eq!(ports, [6379, seconds("metrics-port")], "{name}");
    }
}

pub(crate) fn the_compose_file_starts_the_server_as_it_can_be_started() {
    let text = text(&deployed("compose.yaml"));
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|e| panic!("compose.yaml: {e}"));
    let service = documents[0].as_mapping_get("services").and_then(|services| services.as_mapping_get("pregon"));
    let command = service.and_then(|service| service.as_mapping_get("command")?.as_sequence()).expect("a command");
    let words: Vec<&str> = command.iter().filter_map(|word| word.as_str()).collect();
    assert_eq!(words[0], "redis-server");
    let lines = words[1..].chunks(2).map(|pair| format!("{} {}\n", pair[0].trim_start_matches("--"), pair[1]));
    check_configuration(&lines.collect::<String>());
}
