# The server alone: no shell, no package manager, not root, nothing written to its file system.
#
#   docker build -t passgate .
#   docker run --read-only -p 127.0.0.1:8000:8000 -e PASSGATE_ISSUER=http://localhost:8000 \
#     -e PASSGATE_DATABASE_URL=... -e PASSGATE_SECRET=... passgate
FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked -p passgate-api && cp target/release/passgate /passgate

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /passgate /usr/bin/passgate
ENV PASSGATE_LISTEN=0.0.0.0:8000 PASSGATE_LOG_FORMAT=json
EXPOSE 8000
# nonroot, by number: Kubernetes has to see that it is not root.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/usr/bin/passgate", "healthcheck"]
ENTRYPOINT ["/usr/bin/passgate"]
