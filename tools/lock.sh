#!/bin/sh
# Writes the lock files: every version with the hashes of all its files, for every supported Python and system, without
# naming the index they came from. Needs uv.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}

compile() {
    "$uv" --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --output-file requirements.lock
compile --group build --output-file requirements-build.lock
compile pyproject.toml --all-extras --output-file requirements-package.lock
compile pyproject.toml --all-extras --group build --group dev --output-file requirements-dev.lock

if grep -nE '://|file:|^ *(-|--)(i|f|index|extra|find)' requirements*.lock; then
    echo "lock: a lock file names a place; see above" >&2
    exit 1
fi
