"""Where a command's password comes from: standard input, a prompt, or the generator."""

from __future__ import annotations

import secrets
import sys

import click

from posthouse.cli.errors import CommandError

_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that are not mistaken for one another on paper."""


def generate() -> str:
    """A random password of about 116 bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def obtain(from_stdin: bool, generated: bool) -> str:
    """The new password. Raises CommandError when there is no way to ask for one."""
    if from_stdin and generated:
        raise CommandError(
            "invalid", "--password-stdin and --generate exclude one another.", "Give one of them."
        )
    if generated:
        return generate()
    if from_stdin:
        return _checked(sys.stdin.readline().rstrip("\r\n"))
    if not sys.stdin.isatty():
        raise CommandError(
            "invalid",
            "There is no terminal to ask for a password.",
            "Use --password-stdin or --generate.",
        )
    return _checked(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _checked(password: str) -> str:
    if not password:
        raise CommandError("invalid", "The password is empty.", "Give one.")
    return password
