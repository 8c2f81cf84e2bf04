"""Parts a test needs, and an honest word at the end about what was skipped. ``conftest`` takes the hooks
from here."""

from __future__ import annotations

import glob
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

REQUIRE_PARTS = os.environ.get("POSTHOUSE_REQUIRE_PARTS") == "1"
"""Set where everything is installed (.ci/run): a test that would be skipped fails then. Reasons that begin
with "only on" name another system, and stay skips."""

PROGRAMS = {
    "dovecot": ("dovecot", "/usr/sbin/dovecot"),
    "mariadb": ("mariadbd", "/usr/sbin/mariadbd"),
    "postgresql": ("initdb", "/usr/lib/postgresql/*/bin/initdb"),
    "postfix": ("postfix", "/usr/sbin/postfix"),
    "node": ("node", "nodejs"),
    "opendkim": ("opendkim", "/usr/sbin/opendkim"),
    "Mail::SRS": ("/usr/share/perl5/Mail/SRS.pm",),
    "dkimpy": ("/usr/lib/python3/dist-packages/authres",),
    "knotd": ("knotd", "/usr/sbin/knotd"),
    "nsd": ("nsd", "/usr/sbin/nsd"),
    "unbound": ("unbound", "/usr/sbin/unbound"),
}
"""Where a part is looked for, if not by its own name on the path."""


def missing_part(part: str) -> str:
    """Why a part cannot be used here; "" when it is there."""
    for place in PROGRAMS.get(part, (part,)):
        if shutil.which(place) or glob.glob(place):
            return ""
    return f"needs {part}: not installed"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked ``needs`` whose part is absent."""
    for marker in item.iter_markers("needs"):
        for part in marker.args:
            reason = missing_part(part)
            if reason:
                pytest.skip(reason)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not REQUIRE_PARTS or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = _reason(report)
    if not reason.startswith("only on"):
        report.outcome = "failed"
        report.longrepr = f"skipped although every part must be here (POSTHOUSE_REQUIRE_PARTS=1): {reason}"


def _reason(report: Any) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Turn skips into failures where everything must run."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """The same for modules that skip themselves."""
    report = yield
    _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was measured or noticed, what was not tried and why (once per reason)."""
    notes = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "note" and getattr(report, "when", "") == "call"
    ]
    if notes:
        terminalreporter.section("noticed")
    for note in notes:
        terminalreporter.write_line(str(note))
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    terminalreporter.section("what was skipped, and why")
    if not reasons:
        terminalreporter.write_line("nothing")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count:4} x {reason}")
