# syntax=docker/dockerfile:1

# The sidecar's image. Build with `docker build -t unstick .`, run with `docker run unstick run --upstream … --app php --store …`, or with a
# configuration at /etc/unstick/unstick.yaml. It needs no right, no writable file system but /var/lib/unstick (and that only for the
# default store, SQLite), and no init process: node is process 1, and `unstick run` handles SIGTERM.

# The Node that the tests run on; a test holds it equal to package-lock.json.
ARG NODE_VERSION=24.21.0

# What runs anywhere is compiled once, on the machine that builds.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY scripts/install.sh scripts/build.ts scripts/
RUN npm ci --include=dev --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

# What is per platform, such as koffi's binary, is installed on the platform that it is for. koffi takes it from an optional dependency of its
# own, so the demo's apps, which are optional too, are taken out by name.
FROM node:${NODE_VERSION}-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && npm uninstall --no-save --omit=dev --ignore-scripts --no-audit --no-fund express express-session session-file-store \
 && rm -f node_modules/.package-lock.json package-lock.json

FROM node:${NODE_VERSION}-bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="unstick" \
      org.opencontainers.image.description="A reverse-proxy sidecar that makes web sessions sticky-free: any replica of an unmodified app serves any session." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production
RUN install -d -o 1000 -g 1000 /var/lib/unstick /etc/unstick
COPY LICENSE /app/
COPY --from=dependencies /app /app
COPY --from=build /build/dist /app/dist
# Where the default store, sqlite:./unstick.db, lies, and where a configuration is looked for first.
WORKDIR /var/lib/unstick
VOLUME /var/lib/unstick
# The base image's user `node`, as a number: Kubernetes asks for one that is not root and knows no names.
USER 1000:1000
EXPOSE 8080 9090
# Asks the admin port that the configuration names. Where `run` is told another with --admin or -c, this has to be told as well.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --start-interval=1s --retries=3 CMD ["node", "/app/dist/cli.js", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["run"]
