"""The ``posthouse`` command: short commands load only the command line, ``serve`` loads the server."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posthouse.cli.commands.serve import OnReady
    from posthouse.settings.config import Config


def main() -> int:
    """Run one command line; the exit code."""
    if sys.argv[1:2] == ["_worker"]:  # how the supervisor starts its workers
        # Ctrl-C reaches the whole process group, perhaps while we still load: the supervisor says when to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from posthouse.server import work

        return work(int(sys.argv[2]))
    from posthouse.cli.app import main as command_line

    return command_line(_serve)


def _serve(config: Config, on_ready: OnReady) -> int:
    from posthouse.server import serve

    return serve(config, on_ready)


if __name__ == "__main__":
    sys.exit(main())
