"""An authority of our own: Pebble with the name server it asks (pebble-challtestsrv), on loopback ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from ports import free_port


@dataclass
class Pebble:
    """``http_port`` and ``tls_port`` are where it looks for HTTP-01 and TLS-ALPN-01; every name leads to 127.0.0.1.
    ``dns_server`` (``127.0.0.1:PORT``) replaces the built-in name server. ``bindings``: key ids and base64
    secrets; with any, accounts need External Account Binding. ``valid_for``: seconds certificates last."""

    http_port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    dns_server: str = ""
    bindings: dict[str, str] = field(default_factory=dict)
    valid_for: int = 90 * 86400
    reuse: bool = False

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-pebble-"))
        self.port, self.management = free_port(), free_port()
        self._dns, self._dns_management = free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        ca = trustme.CA()
        self.ca_file = self.folder / "ca.pem"
        ca.cert_pem.write_to_path(str(self.ca_file))
        own = ca.issue_cert("127.0.0.1", "localhost")
        own.cert_chain_pems[0].write_to_path(str(self.folder / "own.pem"))
        own.private_key_pem.write_to_path(str(self.folder / "own.key"))

    @property
    def directory(self) -> str:
        """The directory's URL."""
        return f"https://127.0.0.1:{self.port}/dir"

    @property
    def log(self) -> str:
        """What it said so far."""
        return (self.folder / "pebble.log").read_text(errors="replace")

    def start(self) -> None:
        """Start both and wait until they answer."""
        config: dict[str, Any] = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.folder / "own.pem"),
            "privateKey": str(self.folder / "own.key"),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "certificateValidityPeriod": self.valid_for,
            "externalAccountBindingRequired": bool(self.bindings),
            "externalAccountMACKeys": self.bindings,
        }
        path = self.folder / "config.json"
        path.write_text(json.dumps({"pebble": config}))
        if not self.dns_server:
            self._start_dns()
        command = ["pebble", "-config", str(path), "-dnsserver", self.dns_server or f"127.0.0.1:{self._dns}"]
        reuse = "100" if self.reuse else "0"
        extra = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "10", "PEBBLE_AUTHZREUSE": reuse}
        self._spawn(command, extra)
        self._wait(self.port)

    def set_txt(self, name: str, value: str) -> None:
        """Let the built-in name server answer with this TXT record (what a hook would do)."""
        self.tell_dns("set-txt", {"host": f"{name}.", "value": value})

    def tell_dns(self, what: str, message: dict[str, Any]) -> None:
        """One order to the built-in name server's management."""
        url = f"http://127.0.0.1:{self._dns_management}/{what}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, json.dumps(message).encode(), 10
        ) as answer:
            answer.read()

    @property
    def dns_management(self) -> str:
        """The URL of that management, for hooks."""
        return f"http://127.0.0.1:{self._dns_management}"

    def close(self) -> None:
        """Stop what was started and remove the folder."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_dns(self) -> None:
        off = [
            word for name in ("http01", "https01", "tlsalpn01", "defaultIPv6") for word in (f"-{name}", "")
        ]
        places = ["-management", f"127.0.0.1:{self._dns_management}", "-dns01", f"127.0.0.1:{self._dns}"]
        self._spawn(["pebble-challtestsrv", *places, *off, "-defaultIPv4", "127.0.0.1"], {})
        self._wait(self._dns_management)

    def _spawn(self, command: list[str], extra: dict[str, str]) -> None:
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **extra},
            )
        self._processes.append(process)

    def _wait(self, port: int) -> None:
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            if self._processes[-1].poll() is not None:
                raise RuntimeError(f"{self._processes[-1].args!r} ended at once")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"nothing answers on port {port}")
