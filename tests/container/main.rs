//! The container image: its last stage is built from a static binary of this source tree, run, used and stopped.
//!
//! It needs buildah, and the right to change the root directory, but neither a container engine nor a registry: the
//! image begins from nothing. Without them the tests are ignored by name and with the reason; where `CI` is `true` they
//! fail instead. The binary is a debug build without debug information, which is the quickest one.
//!
//! Everything that is made lies in Cargo's target directory; all of it but the build is removed at the end.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed};

#[path = "../support/mod.rs"]
pub mod support;

mod buildah;
mod image;
mod running;

use self::support::trial::Unchecked;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = buildah::missing();
    let trials = TESTS.iter().map(|&(name, test)| {
        let test = Unchecked { name: name.to_string(), run: Box::new(move || run(test)) };
        test.unless(missing.as_deref())
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    image::remove();
    conclusion.exit_code()
}

type Test = fn(&image::Image) -> Result<(), Failed>;

const TESTS: &[(&str, Test)] = &[
    ("the_image_declares_what_the_redis_image_declares", image::the_image_declares_what_the_redis_image_declares),
    ("options_alone_start_the_server", running::options_alone_start_the_server),
    ("a_command_for_the_redis_image_starts_the_server", running::a_command_for_the_redis_image_starts_the_server),
    ("what_documents_tell_docker_starts_the_server", running::what_documents_tell_docker_starts_the_server),
    ("a_mounted_configuration_file_is_read", running::a_mounted_configuration_file_is_read),
    ("the_health_check_tells_whether_the_server_answers", running::the_health_check_tells_whether_the_server_answers),
    ("the_health_check_works_where_only_tls_is_on", running::the_health_check_works_where_only_tls_is_on),
    ("sigterm_ends_the_container_with_exit_code_0", running::sigterm_ends_the_container_with_exit_code_0),
];

fn run(test: Test) -> Result<(), Failed> {
    test(image::built()?)
}
