#!/usr/bin/env bash
# Does what the README promises to a stranger: clones the committed state into an empty folder, with an empty
# home, and runs the two commands. Leaves nothing behind.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/home"
# The machine's own npm settings (a mirror, a certificate) are no part of the project.
if [ -e "$HOME/.npmrc" ]; then cp "$HOME/.npmrc" "$folder/home/"; fi
git clone -q "$repository" "$folder/bpfkit"
cd "$folder/bpfkit"
run() { env -i HOME="$folder/home" PATH="$PATH" TERM=dumb CI=true "$@" </dev/null; }

echo "== ./bpfkit trace (first use)"
run ./bpfkit trace -e 'BEGIN { printf("it runs\n"); exit() }'
echo "== ./bpfkit trace (second use)"
time run ./bpfkit trace -e 'BEGIN { printf("it runs\n"); exit() }'
echo "== npm test"
run npm test --silent
