"""``posthouse sendmail``: the sendmail command for local programs."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sendmail(arguments: tuple[str, ...]) -> int:
    """Send a message as local programs do: posthouse sendmail [-t] [-i] [-f SENDER] RECIPIENT... < message

    Understands the options of sendmail that programs use: -t, -i, -oi, -f, -r, -F, -N, -R, -V, -bm, -bp, -bs, -q. The
    exit code is one of sysexits.h.
    """
    from posthouse.cli.sendmail import main

    return main(list(arguments))
