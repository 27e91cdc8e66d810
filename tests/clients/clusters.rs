//! Clients that know of clusters, with three nodes that look like those of a Redis Cluster.
//!
//! Each suite is a program of its own, as those of the client libraries are. It is told where one of the nodes is.

use std::process::{Command, Stdio};

use libtest_mimic::Failed;

use crate::cases::{Case, open};
use crate::program::Program;
use crate::redis_cli::finish;
use crate::support::language::Language;
use crate::support::trial::Unchecked;
use crate::support::{Peer, ThreeNodes};

/// Libraries of one language, and what they are asked to do.
struct Suite {
    name: &'static str,
    program: Program,
    cases: &'static [Case],
    /// Over TLS.
    encrypted: &'static [Case],
}

/// The trials of all suites in a language: one for each case, and one that compares the lists of cases.
pub(crate) fn trials(language: Language) -> impl Iterator<Item = Unchecked> {
    let suites = SUITES.iter().filter(move |suite| suite.program.language == language);
    suites.flat_map(|suite| {
        let agreement = Unchecked {
            name: format!("{}::program_and_harness_know_the_same_cases", suite.name),
            run: Box::new(|| suite.program.compare_case_lists(suite.cases.iter().chain(suite.encrypted))),
        };
        let trials = suite.cases.iter().map(|case| Unchecked {
            name: format!("{}::{}", suite.name, case.name),
            run: Box::new(|| suite.program.run_in_cluster(case)),
        });
        let encrypted = suite.encrypted.iter().map(|case| Unchecked {
            name: format!("{}::{}", suite.name, case.name),
            run: Box::new(|| suite.program.run_in_encrypted_cluster(case)),
        });
        std::iter::once(agreement).chain(trials).chain(encrypted)
    })
}

/// redis-cli with `-c` goes where it is sent.
pub(crate) fn redis_cli_follows_keys_to_their_nodes() -> Result<(), Failed> {
    let nodes = ThreeNodes::start();
    let port = nodes.nodes[0].port().to_string();
    let mut command = Command::new("redis-cli");
    command.args(["-c", "-h", "127.0.0.1", "-p", &port]).env_remove("REDISCLI_AUTH").env_remove("FAKETTY");
    let typed: String = (0..100).map(|number| format!("set key:{number} {number}\nget key:{number}\n")).collect();
    let printed = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()), typed.as_bytes()).stdout;
    let printed = String::from_utf8_lossy(&printed);
    let (redirections, answers): (Vec<&str>, Vec<&str>) =
        printed.lines().partition(|line| line.starts_with("-> Redirected to slot "));
    let expected: Vec<String> = (0..100).flat_map(|number| ["OK".to_owned(), number.to_string()]).collect();
    assert_eq!(answers, expected);
    assert!(redirections.len() > 10, "{redirections:?}");
    for node in &nodes.nodes {
        assert_ne!(Peer::connect(&node.addr()).call(&["DBSIZE"]), b":0\r\n");
    }
    Ok(())
}

static SUITES: &[Suite] = &[
    Suite {
        name: "python_clusters",
        program: Program { language: Language::Python, source: "clusters.py" },
        cases: &[
            open("redis_py_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("redis_py_publishes_at_any_node_and_hears_at_another"),
            open("redis_py_goes_on_when_a_node_leaves"),
            open("redis_py_asyncio_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("redis_py_asyncio_goes_on_when_a_node_leaves"),
        ],
        encrypted: &[open("redis_py_finds_all_nodes_over_tls")],
    },
    Suite {
        name: "node_clusters",
        program: Program { language: Language::Node, source: "clusters.mjs" },
        cases: &[
            open("ioredis_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("ioredis_publishes_at_any_node_and_hears_at_another"),
            open("ioredis_goes_on_when_a_node_leaves"),
            open("node_redis_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("node_redis_publishes_at_any_node_and_hears_at_another"),
            open("node_redis_goes_on_when_a_node_leaves"),
        ],
        encrypted: &[open("ioredis_finds_all_nodes_over_tls")],
    },
    Suite {
        name: "go_clusters",
        program: Program { language: Language::Go, source: "clusters" },
        cases: &[
            open("go_redis_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("go_redis_publishes_at_any_node_and_hears_at_another"),
            open("go_redis_goes_on_when_a_node_leaves"),
        ],
        encrypted: &[],
    },
    Suite {
        name: "java_clusters",
        program: Program { language: Language::Java, source: "Clusters" },
        cases: &[
            open("lettuce_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("lettuce_publishes_at_any_node_and_hears_at_another"),
            open("lettuce_goes_on_when_a_node_leaves"),
            open("jedis_finds_all_nodes_by_one_and_each_key_at_its_own"),
            open("jedis_goes_on_when_a_node_leaves"),
        ],
        encrypted: &[],
    },
];
