//! Building the image once for all tests, and what it declares.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use libtest_mimic::Failed;

use crate::buildah::{buildah, run, scratch_dir};

/// The image's name in the storage of this process.
pub(crate) const NAME: &str = "pregon-under-test";

/// The image as it is in the storage.
#[derive(Debug)]
pub(crate) struct Image {
    /// What `buildah inspect` prints of it.
    description: String,
    /// Program and first arguments of every container.
    pub(crate) entrypoint: Vec<String>,
    /// What follows where a container is given no arguments.
    pub(crate) command: Vec<String>,
    /// What an engine runs in a container to ask whether it is well.
    pub(crate) health_check: Vec<String>,
}

/// The image, which the first call builds.
pub(crate) fn built() -> Result<&'static Image, Failed> {
    static IMAGE: OnceLock<Result<Image, String>> = OnceLock::new();
    IMAGE.get_or_init(build).as_ref().map_err(|why| why.as_str().into())
}

/// Removes everything that buildah made for this process.
pub(crate) fn remove() {
    let scratch = scratch_dir();
    if !scratch.exists() {
        return;
    }
    // Unmounts what is left, so errors only say that there is nothing; the directory holds all the rest.
    let _ = run(&mut buildah(&["rm", "--all"]));
    let _ = run(&mut buildah(&["rmi", "--all", "--force"]));
    if let Err(error) = std::fs::remove_dir_all(&scratch) {
        eprintln!("{} stays: {error}", scratch.display());
    }
}

pub(crate) fn the_image_declares_what_the_redis_image_declares(image: &Image) -> Result<(), Failed> {
    let docker = &image.description;
    let docker = docker.find("\"Docker\"").map(|at| &docker[at..]).ok_or("it is not in Docker's format")?;
    let config = docker.find("\"config\"").map(|at| &docker[at..]).ok_or("it has no configuration")?;
    for declared in
        ["\"User\": \"999:999\"", "\"6379/tcp\": {}", "\"StopSignal\": \"SIGTERM\"", "\"WorkingDir\": \"/data\""]
    {
        assert!(config.contains(declared), "{declared} is missing in {config}");
    }
    assert_eq!(image.health_check, ["CMD", "redis-cli", "ping"]);
    assert_eq!(image.command, ["redis-server"]);
    Ok(())
}

fn build() -> Result<Image, String> {
    let binary = static_binary()?;
    let scratch = scratch_dir();
    let context = scratch.join("build");
    std::fs::create_dir_all(&context).map_err(|e| format!("{}: {e}", context.display()))?;
    std::fs::copy(&binary, context.join("pregon")).map_err(|e| format!("{}: {e}", binary.display()))?;
    let context = format!("build={}", context.display());
    let options = ["build", "--isolation", "chroot", "--format", "docker", "--tag", NAME, "--build-context", &context];
    run(buildah(&options).arg(env!("CARGO_MANIFEST_DIR")))?;
    let inspect = |format: &str| run(&mut buildah(&["inspect", "--type", "image", "--format", format, NAME]));
    let words = |format: &str| Ok::<_, String>(inspect(format)?.lines().map(str::to_string).collect());
    Ok(Image {
        description: run(&mut buildah(&["inspect", "--type", "image", NAME]))?,
        entrypoint: words("{{range .Docker.Config.Entrypoint}}{{println .}}{{end}}")?,
        command: words("{{range .Docker.Config.Cmd}}{{println .}}{{end}}")?,
        health_check: words("{{range .Docker.Config.Healthcheck.Test}}{{println .}}{{end}}")?,
    })
}

/// Builds the binary as the first stage does, except for the profile. It has a target directory of its own, because
/// other flags would make Cargo build everything again there.
fn static_binary() -> Result<PathBuf, String> {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("static");
    let target = host()?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--bin", "pregon", "--target", &target, "--target-dir"])
        .arg(&target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    run(&mut cargo)?;
    Ok(target_dir.join(target).join("debug/pregon"))
}

/// The target that this compiler builds for by itself.
fn host() -> Result<String, String> {
    let description = run(Command::new("rustc").arg("-vV"))?;
    let host = description.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_string).ok_or_else(|| format!("rustc names no host: {description}"))
}
