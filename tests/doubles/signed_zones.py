"""Real zones with DNSSEC on nsd, and unbound that validates them, on loopback ports.

    with SignedZones({"signed.test": "mail A 127.0.0.2", ...}, unsigned=["plain.test"]) as world:
        ...settings: dns.servers = world.place

Zones not named ``unsigned`` are signed with keys that unbound trusts. ``spoiled`` names (``name TYPE``) get other data
after the signing, so that they are bogus. ``broken`` zones are not served at all: SERVFAIL. With an ``address`` unbound
answers there on port 53, for programs that ask nowhere else.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

import dns.exception
import dns.message
import dns.query
import dns.rcode
from dns_server import _bound_pair

HEAD = "$TTL 60\n@ SOA ns.{zone}. admin.{zone}. 1 3600 600 86400 60\n@ NS ns.{zone}.\nns A 127.0.0.1\n"


class SignedZones:
    """Runs nsd and unbound until closed."""

    def __init__(
        self,
        zones: Mapping[str, str],
        *,
        unsigned: Iterable[str] = (),
        spoiled: Iterable[str] = (),
        broken: Iterable[str] = (),
        address: str = "",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ph-zones-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._unsigned, self._spoiled, self._broken = set(unsigned), set(spoiled), set(broken)
        self.address = address or "127.0.0.1"
        self._nsd_port, self.port = _free_port(), 53 if address else _free_port()
        try:
            anchors = [each for zone, text in zones.items() if (each := self._zone(zone, text))]
            self._start("nsd", ["-d", "-c", self._nsd(zones)], "127.0.0.1", self._nsd_port)
            self._start("unbound", ["-d", "-c", self._unbound(zones, anchors)], self.address, self.port)
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """For the setting ``dns.servers``."""
        return f"{self.address}:{self.port}"

    def close(self) -> None:
        """Stop both and remove their folder."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> SignedZones:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ inside

    def _zone(self, zone: str, text: str) -> str:
        """Write one zone, signed perhaps; the key to trust, "" for none."""
        path = self.folder / f"{zone}.zone"
        path.write_text(f"$ORIGIN {zone}.\n{HEAD.format(zone=zone)}{text}\n")
        if zone in self._unsigned or zone in self._broken:
            return ""
        flags = ["-q", "-K", str(self.folder), "-a", "ECDSAP256SHA256"]
        ksk = self._run("dnssec-keygen", *flags, "-f", "KSK", zone)
        zsk = self._run("dnssec-keygen", *flags, zone)
        key = (self.folder / f"{ksk}.key").read_text()
        for name in (ksk, zsk):
            with path.open("a") as file:
                file.write((self.folder / f"{name}.key").read_text())
        self._run(
            "dnssec-signzone", "-K", str(self.folder), "-o", zone, "-k", ksk, "-f", str(path), "-O", "full",
            str(path), zsk,
        )  # fmt: skip
        for each in self._spoiled:
            name, kind = each.split()
            if name == zone or name.endswith("." + zone):
                _spoil(path, name, kind)
        (line,) = [line for line in key.splitlines() if not line.startswith(";")]
        return line

    def _nsd(self, zones: Mapping[str, str]) -> str:
        path = self.folder / "nsd.conf"
        served = "".join(
            f'zone:\n  name: "{zone}"\n  zonefile: "{self.folder}/{zone}.zone"\n'
            for zone in zones
            if zone not in self._broken
        )
        path.write_text(
            f"""server:
  ip-address: 127.0.0.1@{self._nsd_port}
  username: ""
  chroot: ""
  zonesdir: "{self.folder}"
  database: ""
  pidfile: "{self.folder}/nsd.pid"
  xfrdfile: "{self.folder}/xfrd.state"
  zonelistfile: "{self.folder}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
{served}"""
        )
        return str(path)

    def _unbound(self, zones: Mapping[str, str], anchors: list[str]) -> str:
        path = self.folder / "unbound.conf"
        trusted = "".join(f'  trust-anchor: "{" ".join(line.split())}"\n' for line in anchors)
        stubs = "".join(
            f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{self._nsd_port}\n' for zone in zones
        )
        path.write_text(
            f"""server:
  interface: {self.address}
  port: {self.port}
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: "{self.folder}/unbound.pid"
  use-syslog: no
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  local-zone: "test." nodefault
  module-config: "validator iterator"
{trusted}{stubs}remote-control:
  control-enable: no
"""
        )
        return str(path)

    def _start(self, program: str, arguments: list[str], address: str, port: int) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            process = subprocess.Popen(
                [_program(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        query = dns.message.make_query("answers.invalid", "A")
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            try:
                dns.query.udp(query, address, port=port, timeout=1)
                return
            except (OSError, EOFError, dns.exception.Timeout):
                if process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError((self.folder / f"{program}.log").read_text(errors="replace")[-2000:])

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [_program(program), *arguments], capture_output=True, text=True, cwd=self.folder, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2000:]}")
        return done.stdout.strip()


def _spoil(path: Path, name: str, kind: str) -> None:
    """Change the data of one record set, not its signature."""
    text = path.read_text()
    pattern = re.compile(rf"^({re.escape(name)}\.\s+\d+\s+IN\s+{kind}\s+)(.*)$", re.MULTILINE)
    assert pattern.search(text), (name, kind)
    path.write_text(pattern.sub(lambda found: found[1] + _other(found[2]), text))


def _other(data: str) -> str:
    last = data[-1]
    return data[:-1] + ("1" if last != "1" else "2")


def _free_port() -> int:
    tcp, udp = _bound_pair()
    port: int = udp.getsockname()[1]
    tcp.close()
    udp.close()
    return port


def _program(name: str) -> str:
    return shutil.which(name) or f"/usr/sbin/{name}"
