"""What is handed to distributions: the Debian package, the container file, man pages and completion."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked. It is built in a copy of the tree: another run may be building here."""
    python = "/usr/bin/python3"
    if os.environ.get("POSTHOUSE_REQUIRE_PARTS") != "1" and (
        not Path(python).exists()
        or subprocess.run([python, "-c", "import ensurepip"], capture_output=True).returncode
    ):
        pytest.skip("the system's Python has no venv (Debian: python3-venv)")
    folder = tmp_path_factory.mktemp("package")
    tree = folder / "tree"
    for name in ("src", "tools", "packaging"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*.lock"), ROOT / "LICENSE", ROOT / "pyproject.toml"]:
        shutil.copy(path, tree)
    built = subprocess.run(
        ["sh", "tools/package.sh"],
        cwd=tree,
        env={**os.environ, "BUILD_VENV": sys.prefix},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-4000:]
    made = tree / built.stdout.strip().splitlines()[-1]
    subprocess.run(["dpkg-deb", "--raw-extract", made, folder / "root"], check=True)
    shutil.rmtree(tree)
    return folder / "root"


@pytest.mark.needs("dpkg-deb")
@pytest.mark.timeout(400)
def test_the_debian_package_serves(package: Path, tmp_path: Path) -> None:
    """What the package holds runs, knows nothing of the place it was built at, and hides its configuration."""
    home = package / "usr/lib/posthouse"
    program = package / "usr/bin/posthouse"
    assert os.readlink(program) == "../lib/posthouse/bin/posthouse"
    assert (home / "bin/posthouse").read_text().splitlines()[0] == "#!/usr/lib/posthouse/bin/python"
    assert os.readlink(package / "usr/sbin/posthouse-sendmail") == "../lib/posthouse/bin/posthouse-sendmail"
    assert (home / "bin/posthouse-sendmail").read_text().splitlines()[0] == "#!/usr/lib/posthouse/bin/python"
    assert not (package / "usr/sbin/sendmail").exists()
    assert "install -d -m 1733" in (package / "DEBIAN/postinst").read_text()
    assert "/tree" not in (home / "pyvenv.cfg").read_text()
    control = (package / "DEBIAN/control").read_text()
    assert "@" not in control.replace("posthouse@localhost", "")
    assert (package / "etc/posthouse/posthouse.toml").stat().st_mode & 0o777 == 0o640
    unit = (package / "lib/systemd/system/posthouse.service").read_text()
    assert "ExecStart=/usr/bin/posthouse serve" in unit
    for script in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", package / "DEBIAN" / script], check=True)
        assert (package / "DEBIAN" / script).stat().st_mode & 0o111

    python = home / "bin/python"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "posthouse.toml"
    config.write_text(
        f'data = "data"\n[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1"\nport = {port}\n'
    )
    server = subprocess.Popen(
        [python, "-m", "posthouse", "serve", "--config", config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        limit = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as smtp:
                    assert smtp.recv(200).startswith(b"220 ")
                break
            except OSError:
                assert server.poll() is None, server.stderr.read() if server.stderr else ""
                assert time.monotonic() < limit
                time.sleep(0.1)
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0


@pytest.mark.needs("groff")
@pytest.mark.needs("dpkg-deb")
@pytest.mark.timeout(400)
def test_the_man_pages_are_clean(package: Path) -> None:
    """Each command has a page, and groff has nothing to say against any."""
    folder = package / "usr/share/man/man1"
    names = {path.name for path in folder.iterdir()}
    assert {"posthouse.1.gz", "posthouse-account.1.gz", "posthouse-serve.1.gz"} <= names
    for path in sorted(folder.iterdir()):
        text = subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout
        checked = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=text, capture_output=True)
        assert checked.stderr == b"", path.name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """The script is the shell's own kind, and the program answers what it asks."""
    run = [sys.executable, "-m", "posthouse"]
    script = subprocess.run([*run, "completion", shell], capture_output=True, text=True, check=True).stdout
    assert f"_POSTHOUSE_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True).returncode == 0
    if shell == "bash":
        asked = {
            **os.environ,
            "_POSTHOUSE_COMPLETE": "bash_complete",
            "COMP_WORDS": "posthouse acc",
            "COMP_CWORD": "1",
        }
        # The program is known to the shell as posthouse, whatever file it is started from.
        start = "import sys; sys.argv[0] = 'posthouse'; from posthouse.__main__ import main; sys.exit(main())"
        found = subprocess.run([sys.executable, "-c", start], env=asked, capture_output=True, text=True)
        assert found.stdout.split() == ["plain,account"]


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="hadolint is packaged for Linux on x86-64 only",
)
def test_the_container_file() -> None:
    """It passes hadolint, runs as an ordinary user, and copies only what is there."""
    path = ROOT / "packaging/container/Containerfile"
    linter = Path(sys.executable).parent / "hadolint"
    checked = subprocess.run([linter, "--no-color", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    text = path.read_text()
    assert "\nUSER 2525:2525\n" in text
    for line in text.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
