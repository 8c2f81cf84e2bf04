#!/bin/sh
# Brings the catalogues of the web pages up to date: extracts the texts, adds new ones to each language (empty, to be
# filled in), drops those that are gone, and compiles. Run it after changing a text; translate; run it again.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
locale=src/posthouse/web/locale
pot=$(mktemp)
trap 'rm -f "$pot" "$pot.po"' EXIT
$bin/pybabel -q extract -F tools/babel.cfg -k t -k mark -k count:1,2 -k words --no-location --sort-output \
    --no-wrap --omit-header -o "$pot" src/posthouse/web
for po in "$locale"/*/LC_MESSAGES/posthouse.po; do
    language=$(basename "$(dirname "$(dirname "$po")")")
    $bin/pybabel -q update -i "$pot" -o "$po" -l "$language" --ignore-obsolete --no-fuzzy-matching --no-wrap \
        --ignore-pot-creation-date
    # Lines of the header that say nothing, and change with every run.
    sed -E '/^"(Project-Id-Version|Report-Msgid|POT-Creation|PO-Revision|Last-Translator|Language-Team|Generated-By)/d' \
        "$po" > "$pot.po" && cat "$pot.po" > "$po"
    $bin/pybabel -q compile -i "$po" -o "${po%.po}.mo"
done
