"""Diagnostics. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from posthouse.client.generated.shared import Finding, Findings
from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given


class DiagnosticsCalls(Topic):
    """Calls of the topic Diagnostics."""

    def diagnose(self, *, domain: str = "") -> Stream[Finding, Findings]:
        """Check everything around the server: name, ports, DNS, block lists, clock, disk, certificate.
        Right: view. What is told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream(
            "POST", "/diagnostics", Findings, (Finding,), body=given({}, ("domain", domain, ""))
        )
