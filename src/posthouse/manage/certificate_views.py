"""Certificates as people see them: those of the configuration file, the stored ones, and the self-made one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from posthouse.manage.certificate_check import Facts, facts_of
from posthouse.manage.certificate_rows import Row, live
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError

DAY = 86400.0


class CertificateView(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate. ``name`` is what it is called by: its number, ``file-1`` for the first of the configuration
    file, or ``self-made``. Times are seconds since 1970, 0 for never.

    ``source``: ``acme``, ``given``, ``file`` or ``self-made``. ``state``: ``in use``, ``not used`` (another comes
    first for all its host names), ``expired``, ``ordering``, ``waiting`` (no order has been done yet), ``damaged``
    (see ``complaint``), or ``kept`` while the server is stopped. ``challenge`` is the proof that is wanted.
    ``next_renewal`` is when an order is due; ``window_begin`` and ``window_end`` the authority's suggestion, 0 where
    there is none. ``last_error``, ``failures`` and ``next_try`` tell of orders that failed since the last that did
    not. ``chain`` is only there in the view of a single one.
    """

    name: str
    hosts: tuple[str, ...]
    source: str
    state: str
    complaint: str = ""
    issuer: str = ""
    fingerprint: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    days_left: int = 0
    challenge: str = ""
    next_renewal: float = 0.0
    window_begin: float = 0.0
    window_end: float = 0.0
    last_error: str = ""
    failures: int = 0
    failed_at: float = 0.0
    next_try: float = 0.0
    chain: str = ""


async def all_views(context: Context) -> list[CertificateView]:
    """All certificates: the configuration file's first, the self-made one last."""
    rows = await context.database.scan(live)
    used = set((await context.live()).certificates.values())
    found = [_of_file(context, number, used) for number in range(len(context.config.certificates))]
    found += [of_row(context, row, used) for row in rows]
    own = _self_made(context, used)
    return found if own is None else [*found, own]


def of_row(context: Context, row: Row, used: set[str]) -> CertificateView:
    """A stored certificate. ``used``: the fingerprints that TLS shows."""
    desk = context.certificates
    facts, complaint = _read(row.chain) if row.chain else (None, "")
    if desk is not None and row.id in desk.keeper.complaints:
        complaint = desk.keeper.complaints[row.id]
    if not row.chain:
        state = "ordering" if row.busy_until > time.time() else "waiting"
    else:
        state = _state(context, facts, complaint, used)
    return CertificateView(
        name=str(row.id),
        hosts=row.names,
        source=row.kind,
        state=state,
        complaint=complaint,
        challenge=row.challenge,
        next_renewal=row.due_at,
        window_begin=row.window_begin,
        window_end=row.window_end,
        last_error=row.last_error,
        failures=row.failures,
        failed_at=row.failed_at,
        next_try=row.next_try if row.failures else 0.0,
        chain=row.chain,
        **_said(facts),
    )


def brief(view: CertificateView) -> CertificateView:
    """Without the chain, for lists."""
    return msgspec.structs.replace(view, chain="")


def find(views: Sequence[CertificateView], name: str) -> CertificateView:
    """The one called so, by its name or by one of its host names. Raises ManageError."""
    wanted = name.strip().lower()
    for view in views:
        if view.name == wanted:
            return view
    named = [view for view in views if wanted in view.hosts and view.source != "self-made"]
    if len(named) > 1:
        numbers = ", ".join(view.name for view in named)
        raise ManageError(
            "invalid", f"{name} is in several certificates: {numbers}.", "Say which by its name."
        )
    if named:
        return named[0]
    raise ManageError(
        "missing", f"There is no certificate {name!r}.", "`posthouse certificate list` shows those there are."
    )


def stored_id(view: CertificateView, verb: str) -> int:
    """The id of a stored certificate. Raises ManageError for others."""
    if view.name.isdecimal():
        return int(view.name)
    if view.source == "file":
        mend = "Change its [[certificate]] table there, then restart the server."
        raise ManageError("refused", f"{view.name} stands in the configuration file.", mend)
    mend = "It is made anew with: posthouse certificate self-made"
    raise ManageError("refused", f"The self-made certificate cannot be {verb}.", mend)


def _of_file(context: Context, number: int, used: set[str]) -> CertificateView:
    configured = context.config.certificates[number]
    text, complaint = _read_file(Path(configured.chain))
    facts, damage = _read(text) if text else (None, "")
    complaint = complaint or damage
    return CertificateView(
        name=f"file-{number + 1}",
        hosts=tuple(configured.hosts) or (facts.hosts if facts is not None else ()),
        source="file",
        state=_state(context, facts, complaint, used),
        complaint=complaint,
        chain=text if facts is not None else "",
        **_said(facts),
    )


def _self_made(context: Context, used: set[str]) -> CertificateView | None:
    text, _ = _read_file(Path(context.config.data) / "tls" / "self-made.pem")
    facts, _ = _read(text)
    if facts is None:
        return None
    begin = text.find("-----BEGIN CERTIFICATE-----")  # the key stands before it
    return CertificateView(
        name="self-made",
        hosts=facts.hosts,
        source="self-made",
        state=_state(context, facts, "", used),
        chain=text[begin:],
        **_said(facts),
    )


def _state(context: Context, facts: Facts | None, complaint: str, used: set[str]) -> str:
    if facts is None or complaint:
        return "damaged"
    if facts.not_after <= time.time():
        return "expired"
    if not context.running:
        return "kept"
    return "in use" if facts.fingerprint in used else "not used"


def _said(facts: Facts | None) -> dict[str, Any]:
    if facts is None:
        return {}
    return {
        "issuer": facts.issuer,
        "fingerprint": facts.fingerprint,
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "days_left": max(0, int((facts.not_after - time.time()) // DAY)),
    }


def _read_file(path: Path) -> tuple[str, str]:
    try:
        return path.read_text("ascii", "replace"), ""
    except OSError as error:
        return "", f"{path} cannot be read ({error.strerror})"


def _read(pem: str) -> tuple[Facts | None, str]:
    try:
        return facts_of(pem), ""
    except ValueError:
        return None, "it is no certificate in PEM"
