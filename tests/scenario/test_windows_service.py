"""What keeps the server under Windows' service manager, as far as it runs everywhere."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from ports import free_port
from posthouse.cli.windows_service import Keeper


def test_a_kept_server_stops_in_order(tmp_path: Path) -> None:
    """Closing its standard input stops the server as Ctrl-C does: told to its sessions, exit code 0."""
    port = free_port()
    config = tmp_path / "posthouse.toml"
    config.write_text(
        f'data = "data"\n[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1"\nport = {port}\n'
    )
    keeper = Keeper(["--config", str(config)])
    keeper.start()
    try:
        limit = time.monotonic() + 60
        while True:
            assert keeper.wait(0) is None
            try:
                client = socket.create_connection(("127.0.0.1", port), timeout=10)
                break
            except OSError:
                assert time.monotonic() < limit
                time.sleep(0.05)
        with client:
            assert client.recv(500).startswith(b"220 ")
            code = keeper.stop()
            assert client.recv(500).startswith(b"421 ")
    except BaseException:
        keeper.stop(1)
        raise
    assert code == 0


def test_a_server_that_does_not_stop_is_killed() -> None:
    """The service manager does not wait for ever, and neither do we."""
    keeper = Keeper()
    keeper.command = [sys.executable, "-c", "import time; time.sleep(60)"]
    keeper.start()
    assert keeper.stop(0.2) != 0


def test_elsewhere_it_says_what_it_needs() -> None:
    """Without Windows and pywin32 there is a sentence and no traceback."""
    if sys.platform == "win32":
        return
    run = subprocess.run(
        [sys.executable, "-m", "posthouse.cli.windows_service", "install"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "pip install 'posthouse[windows]'" in run.stderr
    assert "Traceback" not in run.stderr
