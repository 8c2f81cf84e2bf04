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

# Kerberos has no wheels: it has locks of its own, so that nothing else needs a compiler.
extras=$(sed -n '/^\[project.optional-dependencies\]/,/^$/s/^\([a-z0-9]*\) = .*/--extra \1/p' pyproject.toml | grep -v kerberos)

compile pyproject.toml --output-file requirements.lock
compile --group build --output-file requirements-build.lock
compile --group kerberos-build --output-file requirements-kerberos-build.lock
compile --group kerberos --output-file requirements-kerberos.lock
# shellcheck disable=SC2086 # several words
compile pyproject.toml $extras --output-file requirements-package.lock
# shellcheck disable=SC2086
compile pyproject.toml $extras --group build --group dev --output-file requirements-dev.lock

if grep -nE '://|file:|^ *(-|--)(i|f|index|extra|find)' requirements*.lock; then
    echo "lock: a lock file names a place; see above" >&2
    exit 1
fi
