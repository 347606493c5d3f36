# syntax=docker/dockerfile:1

# 1. The web pages, which the program carries inside.
FROM node:22-bookworm-slim AS web
WORKDIR /src/web/graphiql
COPY web/graphiql/package.json web/graphiql/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/graphiql ./
RUN npm run build

# 2. The program.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=web /src/web/graphiql/dist web/graphiql/dist
# The caches make a second build short; the program leaves them by the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --workspace --locked \
    && install -D target/release/sluice /out/sluice

# 3. What runs: the program, certificates, and a user without rights.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 65532 --user-group --no-create-home --shell /usr/sbin/nologin sluice \
    && install -d -o sluice -g sluice /data
COPY --from=build /out/sluice /usr/local/bin/sluice
USER sluice
WORKDIR /data
VOLUME /data
ENV SLUICE_BIND=0.0.0.0:8080 \
    SLUICE_DATA_DIR=/data \
    SLUICE_LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
# Asks /readyz of the process in this container.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=6 CMD ["sluice", "health"]
ENTRYPOINT ["sluice"]
CMD ["api"]
