"""The words of the API's documentation, most of them taken from the docstrings of the uses."""

from __future__ import annotations

import inspect
import re
from typing import Any

from posthouse.api.route import Route
from posthouse.manage.use import Use

INTRODUCTION = """\
Everything the administrator's pages and the command line do, as JSON over HTTP.

Send an API token with each request: `Authorization: Bearer TOKEN`. `posthouse token add`, or the page API tokens, makes
one. A token has the reach of its owner and the rights (scopes) it was given; each call below says which it needs.

Errors are `application/problem+json`: `detail` says what is wrong, `mend` what to do about it, `field` which parameter
it is about. Lists come in pages: `limit` says how many, `next` of the answer (also as `Link: rel="next"`) is given as
`after` to get the following page."""

TOKEN = "An API token, made by `posthouse token add` or on the page API tokens."  # noqa: S105
SESSION = "The cookie of a signed-in browser. Changes must carry the session's token in X-CSRF-Token, too."
ETAG = "The version of what is shown. Send it as If-Match with a change, as If-None-Match to look again."
LINK = 'The address of the next page (`rel="next"`), if there is one.'
IF_MATCH = "Change it only if it is still this version (the ETag of GET); else 412, and nothing is done."
IDEMPOTENCY_KEY = (
    "A text of your choice. Requests with the same key within 24 hours are carried out once; the others get the answer "
    "of the first."
)

EXAMPLES: dict[str, dict[str, Any]] = {
    "account.add": {"address": "anna@example.org", "password": "correct horse battery staple", "quota": "2G"},
    "account.password": {"password": "correct horse battery staple"},
    "account.quota": {"quota": "2G"},
    "account.forward_set": {"targets": ["anna@example.net"], "keep": True},
    "account.signature_set": {"plain": "-- \n%User.FirstName% %User.LastName%"},
    "account.auto_reply_set": {"plain": "I am away until Monday.", "days": 7},
    "account.archive_set": {"folder": "Archive/%YEAR%", "days": 365},
    "journal.set": {"address": "journal@example.net"},
    "account.import": {"text": "address,password,quota\nanna@example.org,correct horse battery,2G\n"},
    "alias.add": {"address": "office@example.org", "target": "anna@example.org"},
    "domain.add": {"name": "example.org"},
    "setting.set": {"value": "50M"},
    "message.send": {
        "from": "anna@example.org",
        "to": ["bert@example.org"],
        "subject": "Lunch?",
        "text": "At noon, as always.",
    },
}
"""Bodies that work, by use."""

ROLES = {
    "server": "The server's administrator only.",
    "domain": "The server's administrator, and domain administrators for their own domains.",
    "user": "Everybody, for their own account.",
}


def tidy(text: str) -> str:
    """A docstring as a sentence of a document."""
    return re.sub(r"``([^`]*)``", r"`\1`", re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text)).strip()


def operation(use: Use, route: Route) -> str:
    """What a call does, who may do it, and how it answers."""
    text = f"{tidy(use.help)}\n\n{ROLES[use.open_to]} Needs the right `{use.right}`."
    if route.stream and not route.media_type:
        text += (
            "\n\nAnswers with server-sent events as it goes on; the last one is `result` or `problem`. With "
            "`Accept: application/json` the answer is the result alone."
        )
    return text


def result(use: Use) -> str:
    """What comes back."""
    text = inspect.getdoc(use.result) if isinstance(use.result, type) else None
    return tidy((text or "Done.").split("\n\n")[0].replace("\n", " "))


def fields_of(kind: type) -> dict[str, str]:
    """What the docstring of a Struct says of each field: the sentence or clause that begins with its name."""
    text = re.sub(r"\s+", " ", inspect.getdoc(kind) or "")
    found: dict[str, str] = {}
    names = set(kind.__struct_encode_fields__)  # type: ignore[attr-defined]
    for part in re.split(r"(?<=[.;]) ", text):
        for name in re.findall(r"``(\w+)``", part):
            if name in names:
                words = tidy(part).rstrip(";.")
                found.setdefault(name, f"{words[:1].upper()}{words[1:]}.")
    return found
