#!/bin/sh
# Builds dist/posthouse_VERSION_ARCHITECTURE.deb: the program with its libraries, every file checked by its hash, in a
# virtual environment under /usr/lib/posthouse that uses the system's Python. Needs dpkg-deb and python3-venv.
set -eu
cd "$(dirname "$0")/.."
python=${PACKAGE_PYTHON:-/usr/bin/python3}
builder=${BUILD_VENV:-.venv}/bin/python
work=$PWD/build/debian
root=$work/root
home=/usr/lib/posthouse
program=$root$home/bin/python

rm -rf "$work"
mkdir -p "$root$home" "$work/wheel" dist

version=$("$builder" -c 'import posthouse; print(posthouse.__version__)')
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH

"$builder" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheel" .
"$python" -m venv "$root$home"
"$program" -m pip install --quiet --no-compile --require-hashes --only-binary :all: -r requirements-package.lock
"$program" -m pip install --quiet --no-compile --no-deps "$work"/wheel/posthouse-*.whl
"$program" tools/man_pages.py "$root/usr/share/man/man1"
for shell in bash zsh fish; do
    "$program" -m posthouse completion $shell > "$work/completion.$shell"
done
"$program" -m pip uninstall --quiet --yes pip setuptools 2>/dev/null || true

# The environment must work where the package puts it, and hold nothing of the place it was built at.
find "$root$home/bin" -type f ! -name posthouse ! -name posthouse-sendmail -delete
rm -rf "$root$home/include" "$root$home/share"
sed -i "s|$root||g" "$root$home/bin/posthouse" "$root$home/bin/posthouse-sendmail" "$root$home/pyvenv.cfg"
find "$root" -name __pycache__ -type d -prune -exec rm -rf {} +
"$program" -m compileall -q -s "$root" "$root$home/lib" || true

mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/var/spool/posthouse" "$root/etc/posthouse" "$root/lib/systemd/system" "$root/usr/share/doc/posthouse" \
    "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d" "$root/DEBIAN"
ln -s ../lib/posthouse/bin/posthouse "$root/usr/bin/posthouse"
ln -s ../lib/posthouse/bin/posthouse-sendmail "$root/usr/sbin/posthouse-sendmail"
cp packaging/debian/posthouse.toml "$root/etc/posthouse/posthouse.toml"
cp packaging/systemd/posthouse.service "$root/lib/systemd/system/posthouse.service"
cp "$work/completion.bash" "$root/usr/share/bash-completion/completions/posthouse"
cp "$work/completion.zsh" "$root/usr/share/zsh/vendor-completions/_posthouse"
cp "$work/completion.fish" "$root/usr/share/fish/vendor_completions.d/posthouse.fish"
gzip -9n "$root"/usr/share/man/man1/*.1
cp packaging/debian/copyright "$root/usr/share/doc/posthouse/copyright"
gzip -9nc CHANGELOG.md > "$root/usr/share/doc/posthouse/changelog.gz"

for script in postinst prerm postrm; do
    install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"
done
echo /etc/posthouse/posthouse.toml > "$root/DEBIAN/conffiles"
find "$root" -type d -exec chmod 755 {} +
find "$root" -type f ! -path "*/bin/*" ! -path "$root/DEBIAN/*" -exec chmod 644 {} +
chmod 640 "$root/etc/posthouse/posthouse.toml"
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum > DEBIAN/md5sums)

architecture=$(dpkg --print-architecture)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@THIS@/3.$minor/" \
    -e "s/@NEXT@/3.$((minor + 1))/" -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$root" | cut -f1)/" \
    packaging/debian/control > "$root/DEBIAN/control"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "dist/posthouse_${version}_$architecture.deb" >/dev/null
echo "dist/posthouse_${version}_$architecture.deb"
