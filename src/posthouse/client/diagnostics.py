"""Diagnostics, as ``app.diagnostics``, and what can be checked besides, as ``app.utilities``."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.client import generated as api
from posthouse.client.stream import Stream


@dataclass(frozen=True)
class DiagnosticResult:
    """What one check found. ``result``: nothing has to be done; ``finding`` is all of it."""

    finding: api.Finding

    @property
    def name(self) -> str:
        """The check's name."""
        return self.finding.name

    @property
    def description(self) -> str:
        """What was looked at."""
        return f"{self.finding.group}: {self.finding.subject or 'the server'}"

    @property
    def execution_details(self) -> str:
        """What was found, and what to do about it."""
        return f"{self.finding.text} {self.finding.mend}".strip()

    @property
    def result(self) -> bool:
        """Whether it is in order. What cannot be known from the server does not count as wrong."""
        return self.finding.state in ("ok", "unknown")


class Diagnostics:
    """``app.diagnostics``."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls
        self.local_domain_name = ""
        """The domain to look at, besides the server itself; "" for all."""

    def perform_tests(self) -> list[DiagnosticResult]:
        """Run all checks (some twenty seconds)."""
        return [DiagnosticResult(finding) for finding in self.watch_tests().wait().findings]

    def watch_tests(self) -> Stream[api.Finding, api.Findings]:
        """The same, each finding as soon as it is known."""
        return self._calls.diagnose(domain=self.local_domain_name)


class Utilities:
    """``app.utilities``."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls

    def verify(self) -> Stream[api.Progress, api.Verified]:
        """Compare database, files and mailboxes."""
        return self._calls.verify()

    def import_accounts(self, text: str) -> list[str]:
        """Add all accounts of a CSV text (address, password, quota); their addresses. All or, with any problem,
        none."""
        return self._calls.account_import(text=text).added
