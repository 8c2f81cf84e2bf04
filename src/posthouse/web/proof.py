"""Asking for a fresh proof before something risky, without losing what was typed.

A form that needs the proof waits in a cookie that only we can have written for this session, then as hidden fields of
the page that asks; after the password one click sends it. What is secret is kept nowhere: such a form has to be filled
in again, and the page says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
from starlette.responses import RedirectResponse, Response

from posthouse.http import csrf
from posthouse.http.who import is_https
from posthouse.web.page import pages

if TYPE_CHECKING:
    from posthouse.web.visit import Visit

SECRETS = frozenset({"password", "passphrase", "again", "current", "new", "key", "code", "answer"})
"""Fields that hold secrets, in whatever form."""
NAME = "posthouse-kept"
SECONDS = 600
MOST = 3000
"""Characters of the cookie: browsers take 4096 with its name and attributes."""
FIELD = "kept"
"""The hidden field that carries the form on, past the change of the session's cookie."""


class Kept(msgspec.Struct, frozen=True):
    """A form that waits: where it goes, and its fields."""

    target: str
    fields: dict[str, list[str]]


def prove_first(visit: Visit, back: str = "") -> Response:
    """Ask for the password again; after it, on to ``back``, else to where the form is, which is kept if it may be."""
    sent = visit.page.method == "POST" and not back
    back = form_of(visit) if sent else back or visit.here()
    address = f"/prove?next={quote(back, safe='/')}"
    if not sent:
        return RedirectResponse(address, 303)
    text = _pack(visit) if _keepable(visit) else ""
    if not text or visit.session is None:
        return RedirectResponse(address + ("&lost=1" if _holds_input(visit) else ""), 303)
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        NAME,
        f"{text}.{_mac(visit.session.csrf, text)}",
        max_age=SECONDS,
        path="/prove",
        httponly=True,
        samesite="lax",
        secure=is_https(visit.request),
    )
    return answer


def waiting(visit: Visit) -> str:
    """The form that waits for the proof, to be written into the page that asks; "" for none. One that came by hand
    was read from our own page (its secret was checked)."""
    if visit.page.method == "POST":
        return visit.form.get(FIELD, "")
    text, _, mac = visit.request.cookies.get(NAME, "").partition(".")
    if not text or visit.session is None:
        return ""
    return text if hmac.compare_digest(mac.encode(), _mac(visit.session.csrf, text).encode()) else ""


def unpacked(text: str) -> Kept | None:
    """The form that was kept; None when there is none, or none that may be."""
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text), type=Kept)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    return found if found.target.startswith("/") and not found.target.startswith("//") else None


def forget(answer: Response) -> None:
    """The cookie has done its work."""
    answer.delete_cookie(NAME, path="/prove", httponly=True, samesite="lax")


def form_of(visit: Visit) -> str:
    """The nearest page above the address of a form: what a form is sent to cannot be looked at itself."""
    path = visit.path
    known = {each.path for each in pages() if each.method == "GET"}
    while path.count("/") > 1:
        if path in known:
            return path
        path = path.rpartition("/")[0]
    return path if path in known else "/"


def _pack(visit: Visit) -> str:
    fields = {name: values for name, values in visit.chosen.items() if name != csrf.FIELD}
    text = base64.urlsafe_b64encode(msgspec.json.encode(Kept(visit.path, fields))).decode()
    return text if len(text) <= MOST else ""


def _keepable(visit: Visit) -> bool:
    settings = visit.page.path == "/admin/settings/{name}"  # its value may be a secret
    return not settings and not any(visit.form.get(name) for name in SECRETS)


def _holds_input(visit: Visit) -> bool:
    return any(value for name, value in visit.form.items() if name != csrf.FIELD)


def _mac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), b"kept:" + text.encode(), hashlib.sha256).hexdigest()
