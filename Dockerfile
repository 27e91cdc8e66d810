# The image: one static binary under three names, nothing else.
#
#     docker build -t pregon .
#     docker run -p 6379:6379 pregon --requirepass secret
#
# The last stage takes one file from outside the source tree, so it can be built without the first, from a static binary
# in a directory DIR; with buildah 1.28 or later, which skips the stage that is not used:
#
#     buildah build --isolation chroot --format docker --build-context build=DIR -t pregon .
#
# (--format docker, because the OCI format has no HEALTHCHECK.)

ARG RUST_VERSION=1.95
FROM docker.io/library/rust:${RUST_VERSION}-slim-bookworm AS build
# The allocator is built with make.
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Cargo applies RUSTFLAGS to build scripts and macros too unless a target is named, and those cannot be static.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin pregon --target "$target" \
    && cp "target/$target/release/pregon" /pregon

FROM scratch
# Links that name the binary redis-server and redis-cli, as there is no shell to make them with.
COPY deploy/container/bin/ /usr/local/bin/
# Host names are looked up in /etc/hosts first, then asked of the name server.
COPY deploy/container/etc/ /etc/
COPY --from=build /pregon /usr/local/bin/pregon
ENV PATH=/usr/local/bin
# As in the Redis image, clients from outside the container are served without a password: publish the port only to
# networks you trust, or set requirepass. A configuration file or an option that says otherwise wins.
ENV PREGON_DEFAULTS="protected-mode no"
# Where relative paths of configuration files begin. Nothing is stored there.
WORKDIR /data
# The user of the Redis image, so that files mounted for it stay readable.
USER 999:999
EXPOSE 6379
STOPSIGNAL SIGTERM
# PREGON_CLI_OPTIONS in the environment tells it of another port, or of TLS.
HEALTHCHECK CMD ["redis-cli", "ping"]
# Arguments may begin with the name of a program, as in "redis-server /etc/redis.conf".
ENTRYPOINT ["pregon"]
CMD ["redis-server"]
