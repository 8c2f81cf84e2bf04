"""``posthouse completion``: what a shell needs to complete our commands."""

from __future__ import annotations

import click

VARIABLE = "_POSTHOUSE_COMPLETE"
"""How the shell asks the program for completions (click's convention)."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL: bash, zsh or fish.

    For bash: posthouse completion bash > /etc/bash_completion.d/posthouse
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(context.find_root().command, {}, "posthouse", VARIABLE).source())
