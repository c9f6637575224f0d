# The image, for those who build with Docker. `cargo xtask image` makes the one that is released, with no Docker: docs/operations/image.md.
FROM rust:1.95.0-bookworm AS build
ARG SOURCE_DATE_EPOCH=0
WORKDIR /tagger
COPY . .
# Static, so that nothing else has to be in the image; and without this stage's folders in it.
RUN target="$(rustc --version --verbose | sed -n 's/^host: //p')" && \
    export RUSTFLAGS="-Ctarget-feature=+crt-static --remap-path-prefix=$CARGO_HOME=/cargo" && \
    export CFLAGS="-ffile-prefix-map=$CARGO_HOME=/cargo" && \
    cargo build --locked --release --package tagger --bin tagger --target "$target" && \
    mkdir -p /root-of-image/etc/ssl/certs && \
    cp "target/$target/release/tagger" /root-of-image/tagger && \
    cp /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/ && \
    # The time of the sources, where it is given, for what is reproducible of it.
    find /root-of-image -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +

FROM scratch
COPY --from=build /root-of-image /
USER 65532:65532
ENTRYPOINT ["/tagger"]
CMD ["run"]
