"""Headers that every answer carries, and the name of the cookie of a browser session."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

NOTHING_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of answers that do not bring their own, as pages do."""

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}


def harden(headers: MutableHeaders, *, https: bool, hsts: int) -> None:
    """Add what an answer does not say itself. Nothing is stored by anybody unless the answer says so."""
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("content-security-policy", NOTHING_POLICY)
    headers.setdefault("cache-control", "no-store")
    if https and hsts:
        headers.setdefault("strict-transport-security", f"max-age={hsts}")


def cookie_name(https: bool) -> str:
    """The name of the session cookie. ``__Host-`` (RFC 6265bis) keeps it to exactly this host; browsers allow it
    over https only."""
    return "__Host-posthouse" if https else "posthouse"
