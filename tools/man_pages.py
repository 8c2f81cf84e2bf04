"""Writes the man pages, one for ``posthouse`` and one for each of its commands, from the commands' own help:
``python tools/man_pages.py FOLDER``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from posthouse import __version__
from posthouse.cli.app import cli

FILES = (
    ("/etc/posthouse/posthouse.toml", "The configuration: what is needed to start."),
    ("/var/lib/posthouse", "Where the packages keep the data folder."),
)
EXIT = "0 when it was done; 2 when the command was wrong as written; the other codes stand in the manual, commands.md."


def pages() -> Iterator[tuple[str, str]]:
    """Each page's file name and text in roff (man macros)."""
    yield "posthouse.1", _overview()
    for name, found in sorted(cli.commands.items()):
        if not found.hidden:
            yield f"posthouse-{name}.1", _page(name, found)


def _overview() -> str:
    text = _head("posthouse", _short(cli))
    text += ".SH SYNOPSIS\n.B posthouse\n.I COMMAND\n.RI [ OPTIONS ]\n"
    text += _section("DESCRIPTION", cli.help or "")
    text += ".SH COMMANDS\n"
    for name, found in sorted(cli.commands.items()):
        if not found.hidden:
            text += f".TP\n.BR posthouse\\-{_roff(name)} (1)\n{_line(_short(found))}\n"
    text += ".SH FILES\n"
    for path, what in FILES:
        text += f".TP\n.I {_roff(path)}\n{_line(what)}\n"
    return text + _section("EXIT STATUS", EXIT)


def _page(name: str, found: click.Command) -> str:
    text = _head(f"posthouse-{name}", _short(found))
    text += ".SH SYNOPSIS\n"
    members = sorted(found.commands.items()) if isinstance(found, click.Group) else []
    for line in [f"{name} {member}" for member, _ in members] or [name]:
        text += f".B posthouse {_roff(line)}\n.RI [ OPTIONS ]\n.br\n"
    text += _section("DESCRIPTION", found.help or "")
    if not members:
        return text + _options(found, "OPTIONS") + _section("SEE ALSO", "posthouse(1)")
    for member, command in members:
        if not command.hidden:
            text += f".SH {_roff(f'{name} {_arguments(member, command)}'.upper())}\n"
            text += _paragraphs(command.help or "") + _options(command, "")
    return text + _section("SEE ALSO", "posthouse(1)")


def _arguments(member: str, command: click.Command) -> str:
    names = [
        each.make_metavar(click.Context(command))
        for each in command.params
        if isinstance(each, click.Argument)
    ]
    return " ".join((member, *names))


def _options(command: click.Command, heading: str) -> str:
    text = f".SH {heading}\n" if heading else ""
    context = click.Context(command)
    for each in command.params:
        record = each.get_help_record(context)
        if record is not None and record[1]:
            text += f".TP\n.B {_roff(record[0])}\n{_line(record[1])}\n"
    return text


def _head(name: str, short: str) -> str:
    title = f'.TH "{_roff(name.upper())}" 1 "" "Posthouse {_roff(__version__)}" "Posthouse"\n'
    return f"{title}.SH NAME\n{_roff(name)} \\- {_roff(short)}\n"


def _section(title: str, text: str) -> str:
    return f".SH {title}\n{_paragraphs(text)}"


def _paragraphs(text: str) -> str:
    """Paragraphs of a docstring; \\b marks one whose lines are kept."""
    parts = [part.strip("\n") for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    out = ""
    for part in parts:
        kept = part.lstrip().startswith("\b")
        lines = [line.strip() for line in part.replace("\b", "").splitlines() if line.strip()]
        body = "\n.br\n".join(_line(line) for line in lines) if kept else _line(" ".join(lines))
        out += f".PP\n{body}\n"
    return out


def _short(command: click.Command) -> str:
    return " ".join((command.help or "").strip().split("\n\n")[0].split()).rstrip(".")


def _line(text: str) -> str:
    """A line of text that roff cannot take for a request."""
    text = _roff(" ".join(text.split()))
    return f"\\&{text}" if text[:1] in (".", "'") else text or "\\&"


def _roff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def main() -> None:
    """Write all pages into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
