#!/bin/sh
# Installs the dependencies when they are missing or older than the lock file, so that `npm start` and `npm test`
# work in a fresh clone. Runs with whatever npm the machine has; the pinned Node comes in with the dependencies.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "unstick: installing dependencies with npm ci" >&2
  # The machine's Node may be older than the dependencies ask for; they run on the pinned one.
  # NODE_ENV=production would leave the pinned Node out: it is a dev dependency.
  npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
