"""A TLS report as JSON (RFC 8460 4) and as mail (5.3)."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec

from posthouse.deliver.remote.policy import Basis

MEDIA_TYPE = "application/tlsrpt+gzip"


@dataclass(frozen=True, slots=True)
class Counted:
    """So many sessions with one result (``""``: success) under one policy."""

    basis: Basis
    host: str
    source: str
    result: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report about one domain for one day of UTC (``2026-01-31``), by ``organisation``, whose host is ``host``."""

    domain: str
    day: str
    organisation: str
    contact: str
    host: str
    counted: Sequence[Counted]

    @property
    def begins(self) -> datetime:
        """The first moment of the day."""
        return datetime.strptime(self.day, "%Y-%m-%d").replace(tzinfo=UTC)

    @property
    def ident(self) -> str:
        """The same whenever it is made."""
        told = f"{self.host}\0{self.domain}\0{self.day}".encode()
        return f"{self.day}_{hashlib.sha256(told).hexdigest()[:20]}"

    @property
    def file_name(self) -> str:
        """RFC 8460 5.1."""
        begins = int(self.begins.timestamp())
        return f"{self.host}!{self.domain}!{begins}!{begins + 86399}!{self.ident}.json.gz"

    def packed(self) -> bytes:
        """The JSON, packed; the same bytes whenever it is made."""
        return gzip.compress(msgspec.json.encode(self._document()), mtime=0)

    def _document(self) -> dict[str, Any]:
        ends = self.begins + timedelta(seconds=86399)
        return {
            "organization-name": self.organisation,
            "date-range": {"start-datetime": _time(self.begins), "end-datetime": _time(ends)},
            "contact-info": self.contact,
            "report-id": self.ident,
            "policies": [self._policy(basis) for basis in dict.fromkeys(each.basis for each in self.counted)],
        }

    def _policy(self, basis: Basis) -> dict[str, Any]:
        ours = [each for each in self.counted if each.basis == basis]
        policy: dict[str, Any] = {"policy-type": basis.kind, "policy-domain": self.domain}
        if basis.lines:
            policy["policy-string"] = list(basis.lines)
        if basis.hosts:
            policy["mx-host"] = list(basis.hosts)
        found: dict[str, Any] = {
            "policy": policy,
            "summary": {
                "total-successful-session-count": sum(each.count for each in ours if not each.result),
                "total-failure-session-count": sum(each.count for each in ours if each.result),
            },
        }
        failed = [_failure(each) for each in ours if each.result]
        if failed:
            found["failure-details"] = failed
        return found


def _failure(counted: Counted) -> dict[str, Any]:
    found: dict[str, Any] = {
        "result-type": counted.result,
        "receiving-mx-hostname": counted.host,
        "failed-session-count": counted.count,
    }
    if counted.source:
        found["sending-mta-ip"] = counted.source
    return found


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_mail(report: Report, recipient: str, now: float) -> bytes:
    """The whole message, with CRLF lines. ``TLS-Required: No`` (RFC 8689 5): trouble with TLS must not keep back the
    word of it."""
    boundary = f"=_{report.ident}_{hashlib.sha256(recipient.encode()).hexdigest()[:12]}"
    subject = (
        f"Report Domain: {report.domain}\r\n Submitter: {report.host}\r\n"
        f" Report-ID: <{report.ident}@{report.host}>"
    )
    lines = [
        f"Date: {format_datetime(datetime.fromtimestamp(now, UTC))}",
        f"From: <{report.contact}>",
        f"To: <{recipient}>",
        f"Subject: {subject}",
        f"Message-ID: <{report.ident}.{hashlib.sha256(recipient.encode()).hexdigest()[:12]}@{report.host}>",
        f"TLS-Report-Domain: {report.domain}",
        f"TLS-Report-Submitter: {report.host}",
        "TLS-Required: No",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is a report of TLS from {report.host}",
        f"about {report.domain}, for {report.day} (UTC), as RFC 8460 has it.",
        "",
        f"--{boundary}",
        f"Content-Type: {MEDIA_TYPE}",
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment;\r\n filename="{report.file_name}"',
        "",
    ]
    packed = base64.encodebytes(report.packed()).decode("ascii").splitlines()
    return "\r\n".join([*lines, *packed, f"--{boundary}--", ""]).encode("ascii")
