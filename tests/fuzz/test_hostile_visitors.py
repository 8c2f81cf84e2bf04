"""Any bytes in any chunking on every protocol of a running server: legal replies or a clean close."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hostile import campaign, prepared


@pytest.mark.campaign
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: memory is read from /proc")
def test_hostile_input_leaves_a_healthy_server(tmp_path: Path) -> None:
    """6,000 hostile inputs: no illegal reply, no stuck connection, no traceback, memory bounded, a clean stop."""
    server = prepared(tmp_path)
    try:
        findings = campaign(server, 6000, seed=7)
    finally:
        status = server.stop()
    assert findings.illegal == []
    assert findings.stuck == []
    assert "Traceback" not in server.log, server.log[-3000:]
    assert findings.growth < 32 << 20
    assert status == 0
