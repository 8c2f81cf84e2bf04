"""The systemd unit of the packages: nothing that it could take away is left, and systemd understands all of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging" / "systemd" / "posthouse.service"
MOST = 15
"""Tenths of exposure, as ``systemd-analyze security`` counts; ports below 1024 and the network alone are 6 of them."""

WANTED = (
    "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
    "PrivateMounts=yes", "ProtectClock=yes", "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes", "ProtectControlGroups=yes", "ProtectProc=invisible", "RestrictNamespaces=yes",
    "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "UMask=0077", "StateDirectoryMode=0700",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    "SystemCallFilter=@system-service", "SystemCallArchitectures=native",
)  # fmt: skip


def test_it_takes_away_what_the_server_does_not_need() -> None:
    """Each line of hardening is there, and none is set twice."""
    lines = UNIT.read_text().splitlines()
    assert [word for word in WANTED if lines.count(word) != 1] == []


@pytest.mark.needs("systemd-analyze")
def test_its_exposure_stays_low() -> None:
    """systemd's own judgement of the unit."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST}", "--no-pager", UNIT],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    assert re.search(r"Overall exposure level for posthouse\.service: [01]\.\d OK", done.stdout)


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_it(tmp_path: Path) -> None:
    """No unknown key, no value that is ignored. The program and its manual page need not be installed for that."""
    program = tmp_path / "posthouse"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = UNIT.read_text().replace("/usr/bin/posthouse", str(program))
    unit = tmp_path / "posthouse.service"
    unit.write_text("".join(line for line in text.splitlines(True) if not line.startswith("Documentation=")))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
