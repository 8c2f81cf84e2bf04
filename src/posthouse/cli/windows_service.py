"""Posthouse as a Windows service: ``python -m posthouse.cli.windows_service install|start|stop|remove``.

The service process starts the server as a child with a pipe as standard input; closing the pipe stops the server in
order. A service has no console, so that there is no Ctrl-C to send. The part that keeps the child is the same on every
system and is tested; the part that speaks with Windows' service manager (pywin32, the extra ``windows``) was written
from its documentation and has not been run on Windows yet.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

NAME = "Posthouse"
TITLE = "Posthouse mail server"
ABOUT = "Receives mail by SMTP, keeps it, and hands it out by IMAP and POP3."

PATIENCE = 60.0
"""Seconds a server that was asked to stop may take; it needs at most limits.stop_time and a little."""


class Keeper:
    """Runs one server as a child process. ``start`` once, then ``wait`` until it ends or ``stop`` ends it."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.command = [sys.executable, "-m", "posthouse", "serve", "--until-eof", *arguments]
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server. Raises OSError."""
        # Without standard error nobody would read it: the log settings say which file lines go to.
        self._child = subprocess.Popen(  # noqa: S603 - our own program
            self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self, seconds: float) -> int | None:
        """The server's exit code, None while it still runs after ``seconds``."""
        assert self._child is not None
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds: float = PATIENCE) -> int:
        """Stop the server in order; one that has not ended after ``seconds`` is killed. Its exit code."""
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.close()
        code = self.wait(seconds)
        if code is None:
            self._child.kill()
            code = self._child.wait()
        return code


def service_class() -> Any:
    """The class Windows' service manager is given. Raises ImportError where pywin32 is not installed."""
    import servicemanager
    import win32event
    import win32service
    import win32serviceutil

    class PosthouseService(win32serviceutil.ServiceFramework):  # type: ignore[misc]
        """The service. The arguments of the server (``--config FILE``) are those given to ``install``."""

        _svc_name_ = NAME
        _svc_display_name_ = TITLE
        _svc_description_ = ABOUT

        def __init__(self, arguments: Sequence[str]) -> None:
            super().__init__(arguments)
            self.asked = win32event.CreateEvent(None, 0, 0, None)
            self.keeper = Keeper(_kept_arguments(win32serviceutil))

        def SvcStop(self) -> None:  # noqa: N802 - the name pywin32 calls
            self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=int(PATIENCE * 1000))
            win32event.SetEvent(self.asked)

        def SvcDoRun(self) -> None:  # noqa: N802 - the name pywin32 calls
            self.keeper.start()
            while win32event.WaitForSingleObject(self.asked, 1000) != win32event.WAIT_OBJECT_0:
                code = self.keeper.wait(0)
                if code is not None:
                    # An end nobody asked for: the service manager restarts a service that fails.
                    servicemanager.LogErrorMsg(f"The server ended by itself with code {code}.")
                    raise SystemExit(code or 1)
            self.keeper.stop()

    return PosthouseService


def _kept_arguments(win32serviceutil: Any) -> list[str]:
    config = win32serviceutil.GetServiceCustomOption(NAME, "config", "")
    return ["--config", config] if config else []


def main(arguments: Sequence[str]) -> int:
    """Install, start, stop or remove the service. ``--config FILE`` of ``install`` is kept for every start."""
    try:
        made = service_class()
        import win32serviceutil
    except ImportError:
        print(
            "The Windows service needs Windows and pywin32: pip install 'posthouse[windows]'.\n"
            "Elsewhere systemd or launchd keep the server: see the manual, install.md.",
            file=sys.stderr,
        )
        return 2
    given = list(arguments)
    config = ""
    if "--config" in given[:-1]:
        place = given.index("--config")
        config = given[place + 1]
        del given[place : place + 2]
    code = int(win32serviceutil.HandleCommandLine(made, argv=[sys.argv[0], *given]) or 0)
    if code == 0 and config and "install" in given:
        win32serviceutil.SetServiceCustomOption(NAME, "config", config)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
