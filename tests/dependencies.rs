//! What `deny.toml` says of the dependencies holds for those of this machine's system: their licences, that there is one
//! version of each but for those that are named there, and that all come from the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use toml::Table;

/// A dependency.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// None for what lies in this repository.
    source: Option<String>,
}

impl Package {
    fn read(json: &Value) -> Self {
        let text = |field: &str| json[field].as_str().map(str::to_owned);
        let name = text("name").expect("a package has a name");
        let version = text("version").expect("a package has a version");
        Self { name, version, licence: text("license"), source: text("source") }
    }

    fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// All dependencies, those of tests included, as the lock file has them.
fn packages() -> Vec<Package> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", &target]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let nodes = metadata["resolve"]["nodes"].as_array().expect("dependencies are resolved");
    let used: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let all = metadata["packages"].as_array().expect("there are packages").iter();
    all.filter(|package| package["id"].as_str().is_some_and(|id| used.contains(id))).map(Package::read).collect()
}

/// `deny.toml`.
fn rules() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    let text = std::fs::read_to_string(path).expect("there are rules");
    text.parse().expect("they are TOML")
}

/// A list of texts in the rules.
fn list<'r>(rules: &'r Table, section: &str, name: &str) -> Vec<&'r str> {
    let list = rules[section][name].as_array().expect("it is a list");
    list.iter().map(|text| text.as_str().expect("of texts")).collect()
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let rules = rules();
    let allowed = list(&rules, "licenses", "allow");
    let mut used = BTreeSet::new();
    for package in packages() {
        let licence = package.licence.as_deref().unwrap_or_else(|| panic!("{} has no licence", package.id()));
        let licence = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX)
            .unwrap_or_else(|e| panic!("{}: {e}", package.id()));
        let suits = |asked: &spdx::LicenseReq| allowed.contains(&asked.to_string().as_str());
        assert!(licence.evaluate(suits), "{}: {licence}", package.id());
        used.extend(licence.requirements().map(|asked| asked.req.to_string()));
    }
    let unused: Vec<_> = allowed.iter().filter(|licence| !used.contains(**licence)).collect();
    assert!(unused.is_empty(), "nobody has these any more: {unused:?}");
}

#[test]
fn there_is_one_version_of_each_but_for_those_that_are_named() {
    let rules = rules();
    let skipped = rules["bans"]["skip"].as_array().expect("it is a list").iter();
    let mut skipped: BTreeSet<&str> = skipped
        .map(|skip| {
            assert!(skip["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{skip:?}: why?");
            skip["crate"].as_str().expect("it is named")
        })
        .collect();
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        if !skipped.remove(package.id().as_str()) {
            versions.entry(package.name.clone()).or_default().push(package.id());
        }
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(versions.is_empty(), "several versions of one: {versions:?}");
    assert!(skipped.is_empty(), "these are not there any more: {skipped:?}");
}

#[test]
fn everything_comes_from_the_registry() {
    let rules = rules();
    let allowed = list(&rules, "sources", "allow-registry");
    for package in packages() {
        let known = match package.source.as_deref() {
            None => package.name == env!("CARGO_PKG_NAME"),
            Some(source) => source.strip_prefix("registry+").is_some_and(|registry| allowed.contains(&registry)),
        };
        assert!(known, "{} comes from {:?}", package.id(), package.source);
    }
}

#[test]
fn the_package_has_the_licence_of_its_file() {
    let licence = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE")).expect("there is one");
    assert_eq!((env!("CARGO_PKG_LICENSE"), licence.lines().next()), ("BSD-3-Clause", Some("BSD 3-Clause License")));
}
