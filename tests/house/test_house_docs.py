"""The documentation says what the code does: settings, standards, folders, commands, exit codes,
environment."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from posthouse.cli.app import cli
from posthouse.cli.errors import EXIT_CODES
from posthouse.settings.config import Certificate, Config, Listener
from posthouse.settings.config_environment import ENVIRONMENT
from posthouse.settings.config_shape import TABLES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "posthouse"
DOCS = ROOT / "docs"

RFC = re.compile(r"\bRFC[ -]?(\d{3,5})\b")
FURTHER = re.compile(r"\bRFCs? ?\d{3,5}(?:(?:, | and |/)(\d{3,5}))+")


def test_the_settings_page_is_the_declarations() -> None:
    """docs/manual/settings.md is what `make docs` writes now."""
    # In a process of its own: other tests of this one declare settings for themselves.
    script = ROOT / "tools" / "settings_page.py"
    code = f"import runpy; sys.stdout.write(runpy.run_path({str(script)!r})['render']())"
    page = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.stdout.reconfigure(encoding='utf-8'); {code}"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=60,
    )
    written = (ROOT / "docs" / "manual" / "settings.md").read_text(encoding="utf-8")
    assert written == page.stdout, "run `make docs`"


def test_every_setting_is_read_somewhere() -> None:
    """A declared setting that no other module names would do nothing."""
    constant = re.compile(r"^([A-Z][A-Z0-9_]*)(?:: [^=]+)? = Setting\(", re.MULTILINE)
    unread = []
    others = {
        path: path.read_text(encoding="utf-8")
        for path in SOURCE.rglob("*.py")
        if path.parent != SOURCE / "settings"
    }
    for topic in (SOURCE / "settings").glob("*.py"):
        for name in constant.findall(topic.read_text(encoding="utf-8")):
            if not any(re.search(rf"\b{name}\b", text) and topic.stem in text for text in others.values()):
                unread.append(f"{topic.stem}.{name}")
    assert not unread


def rows_of_standards() -> list[tuple[str, str, str]]:
    """(RFC number, state, where) of every row of docs/standards.md."""
    found = []
    for line in (DOCS / "standards.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) >= 4 and re.fullmatch(r"\d{3,5}", cells[0]):
            found.append((cells[0], cells[2], cells[3]))
    return found


def test_standards_name_files_that_exist() -> None:
    """Each row says yes, partly or no; yes and partly name where in the code, and that exists."""
    rows = rows_of_standards()
    assert len(rows) > 50
    for number, state, where in rows:
        assert state in ("yes", "partly", "no"), f"RFC {number}: {state}"
        if state == "no":
            continue
        named = re.findall(r"`([^`]+)`", where)
        assert named, f"RFC {number} names no file"
        for path in named:
            assert (SOURCE / path).exists(), f"RFC {number} names {path}, which does not exist"
    numbers = [number for number, _, _ in rows]
    assert len(numbers) == len(set(numbers)), "an RFC has two rows"


def test_every_standard_that_the_code_names_has_a_row() -> None:
    """An RFC cited in the source stands in docs/standards.md."""
    known = {number for number, _, _ in rows_of_standards()}
    missing: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        cited = set(RFC.findall(text))
        for match in FURTHER.finditer(text):
            cited |= set(re.findall(r"\d{3,5}", match[0]))
        for number in cited - known:
            missing.setdefault(number, str(path.relative_to(SOURCE)))
    assert not missing


def test_the_road_names_every_folder() -> None:
    """docs/message-road.md explains each folder of the source, and no other, in under 100 lines."""
    text = (DOCS / "message-road.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    named = {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named == folders
    for path in re.findall(r"\| `([\w/]+\.py)` \|", text):
        assert (SOURCE / path).exists(), path


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
)
def test_links_lead_somewhere(page: str) -> None:
    """Relative links in the documentation lead to files that are there."""
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{page}: {target}"


def commands(group: click.Group, prefix: str = "posthouse") -> list[str]:
    """Every command with its full name."""
    found: list[str] = []
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        found += commands(command, full) if isinstance(command, click.Group) else [full]
    return found


def test_every_command_stands_in_the_manual() -> None:
    """docs/manual/commands.md names each command, and no other."""
    text = (DOCS / "manual" / "commands.md").read_text(encoding="utf-8")
    named: list[str] = []
    for cell in re.findall(r"^\| `(posthouse [^`]+)` \|", text, re.MULTILINE):
        *head, last = cell.split(" ")
        named += [" ".join([*head, verb]) for verb in last.split("\\|")]
    assert sorted(named) == sorted(commands(cli))


def test_every_exit_code_stands_in_the_manual() -> None:
    """The exit codes are a promise to scripts."""
    text = (DOCS / "manual" / "commands.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert told >= set(EXIT_CODES.values())


def test_every_configuration_key_and_variable_stands_in_the_manual() -> None:
    """docs/manual/configuration.md explains each key of posthouse.toml and each environment variable."""
    text = (DOCS / "manual" / "configuration.md").read_text(encoding="utf-8")
    tables = {field for field, _ in TABLES.values()}
    keys = {*Config.__struct_fields__, *Listener.__struct_fields__, *Certificate.__struct_fields__} - tables
    for key in keys | set(ENVIRONMENT):
        assert f"| `{key}` |" in text, key
