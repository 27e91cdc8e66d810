//! The list of programs that work, `docs/works-with.md`, beside the lock files that say in which versions they are tried.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

/// What the tests import to try others with, and what these need without saying so.
const TOOLS: [&str; 5] =
    ["httpx", "packaging", "starlette", "socket.io-client", "github.com/centrifugal/centrifuge-go"];

pub(crate) fn trial() -> Trial {
    Trial::test("the_documents_list_the_versions_of_the_lock_files", compare)
}

fn compare() -> Result<(), Failed> {
    let locked = [python()?, node()?, go()?, java()?, rust()?].concat();
    let locked: BTreeSet<_> = locked.into_iter().filter(|(name, _)| !TOOLS.contains(&name.as_str())).collect();
    let document = read("docs/works-with.md")?;
    let section = document.split("\n## Works with\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let listed: BTreeSet<_> = named(section.unwrap_or_default()).collect();
    let missing: Vec<_> = locked.difference(&listed).collect();
    let untried: Vec<_> = listed.difference(&locked).collect();
    if missing.is_empty() && untried.is_empty() {
        return Ok(());
    }
    Err(format!("docs/works-with.md does not list {missing:?}\nthe lock files do not have {untried:?}").into())
}

/// Names and versions in a text, where a name is set in backticks and a version follows it.
fn named(text: &str) -> impl Iterator<Item = (String, String)> {
    let pieces: Vec<&str> = text.split('`').collect();
    let pairs: Vec<_> = pieces[1..].chunks(2).filter_map(|pair| <[&str; 2]>::try_from(pair).ok()).collect();
    pairs.into_iter().filter_map(|[name, after]| {
        let version = after.strip_prefix(' ')?.split([' ', ',', ';', ':', '\n']).next()?.trim_end_matches('.');
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| (name.to_owned(), version.to_owned()))
    })
}

/// What `requirements.in` asks for, as `requirements.txt` pins it.
fn python() -> Result<Vec<(String, String)>, Failed> {
    let asked = read("tests/clients/python/requirements.in")?;
    let asked: BTreeSet<String> = asked
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split(['=', '<', '>']).next()?.replace('_', "-")))
        .collect();
    let locked = read("tests/clients/python/requirements.txt")?;
    let pins = locked.lines().filter_map(|line| line.split_once("=="));
    let pins = pins.map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap_or_default().to_owned()));
    Ok(pins.filter(|(name, _)| asked.contains(name)).collect())
}

/// The dependencies in `package.json`, which are pinned there.
fn node() -> Result<Vec<(String, String)>, Failed> {
    let package: serde_json::Value = serde_json::from_str(&read("tests/clients/node/package.json")?)?;
    let dependencies = package["dependencies"].as_object().ok_or("package.json has no dependencies")?;
    let pins = dependencies.iter().map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned())));
    Ok(pins.collect::<Option<_>>().ok_or("a version is no text")?)
}

/// The modules that `go.mod` requires for the programs themselves.
fn go() -> Result<Vec<(String, String)>, Failed> {
    let text = read("tests/clients/go/go.mod")?;
    let direct = text.lines().filter(|line| line.starts_with('\t') && !line.ends_with("// indirect"));
    let pins = direct.filter_map(|line| line.trim().split_once(" v"));
    Ok(pins.map(|(name, version)| (name.to_owned(), version.to_owned())).collect())
}

/// The dependencies in `pom.xml`.
fn java() -> Result<Vec<(String, String)>, Failed> {
    let text = read("tests/clients/java/pom.xml")?;
    let (_, dependencies) = text.split_once("</dependencyManagement>").ok_or("pom.xml manages no dependencies")?;
    let pins = dependencies.split("<dependency>").skip(1).map(|dependency| {
        let value = |tag: &str| dependency.split(tag).nth(1)?.split('<').next();
        Some((format!("{}:{}", value("<groupId>")?, value("<artifactId>")?), value("<version>")?.to_owned()))
    });
    Ok(pins.collect::<Option<_>>().ok_or("a dependency has no version")?)
}

/// The client crate.
fn rust() -> Result<Vec<(String, String)>, Failed> {
    let lock = read("Cargo.lock")?;
    let version = lock.split("name = \"redis\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(vec![("redis".to_owned(), version.ok_or("Cargo.lock has no redis")?.to_owned())])
}

fn read(file: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}
