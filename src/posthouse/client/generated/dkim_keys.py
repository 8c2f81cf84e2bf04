"""DKIM keys. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.topic import Topic, given, path_of


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its private half. `state`: `new` (waits for its record), `active` (signs), `retiring`
    (its record must stay a while), `retired` (its record is to be emptied). `dns`: `right`, `missing`,
    `different`, `unknown`, or "" where the DNS was not asked; `note` says it in words. `name` and `value`
    are the record, `text` is the value as a zone file has it. Times in seconds since 1970, 0 for never."""

    domain: str
    selector: str
    algorithm: str
    state: Literal["new", "active", "retiring", "retired"]
    made_at: float
    since: float
    seen_at: float
    checked_at: float
    dns: str
    note: str
    published: bool
    name: str
    value: str
    text: str


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """By domain and age."""

    keys: list[KeyView]


class DkimKeysCalls(Topic):
    """Calls of the topic DKIM keys."""

    def dkim_list(self, *, domain: str | None = None) -> Keys:
        """List the DKIM keys with their records, and whether these are in the DNS. Right: view."""
        return self._link.ask("GET", "/dkim-keys", Keys, query=given({}, ("domain", domain, None)))

    def dkim_make(
        self,
        domain: str,
        *,
        algorithms: Sequence[Literal["rsa-sha256", "ed25519-sha256"]] = (),
        idempotency_key: str = "",
    ) -> Keys:
        """Make DKIM keys for a domain. Each is used once its record is in the DNS, in the place of the one
        of its kind. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/domains/{}/dkim-keys", domain),
            Keys,
            body=given({}, ("algorithms", algorithms, ())),
            key=idempotency_key,
        )

    def dkim_check(self, domain: str, *, idempotency_key: str = "") -> Keys:
        """Ask the DNS now for the records of a domain's DKIM keys. New ones whose record is there are used
        from now on. Right: change."""
        return self._link.ask(
            "POST", path_of("/domains/{}/dkim-keys/check", domain), Keys, key=idempotency_key
        )

    def dkim_import(
        self, domain: str, *, selector: str, key: str, now: bool = False, idempotency_key: str = ""
    ) -> KeyView:
        """Take over a DKIM key from another server under its selector. It is used once its record is seen in
        the DNS, in the place of the one of its kind. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/domains/{}/dkim-keys/import", domain),
            KeyView,
            body=given({"selector": selector, "key": key}, ("now", now, False)),
            key=idempotency_key,
        )

    def dkim_rotate(self, domain: str, *, idempotency_key: str = "") -> Keys:
        """Let new DKIM keys follow those in use, without waiting for the schedule. The old ones sign until
        the records of the new ones are in the DNS. Right: change."""
        return self._link.ask(
            "POST", path_of("/domains/{}/dkim-keys/rotate", domain), Keys, key=idempotency_key
        )

    def dkim_remove(self, domain: str, selector: str) -> KeyView:
        """Delete a DKIM key that does not sign. Mail signed with it that is still under way can be verified
        only while its record stays in the DNS. Right: change."""
        return self._link.ask("DELETE", path_of("/domains/{}/dkim-keys/{}", domain, selector), KeyView)

    def dkim_show(self, domain: str, selector: str) -> KeyView:
        """Show one DKIM key with its record. The private key is never shown. Right: view."""
        return self._link.ask("GET", path_of("/domains/{}/dkim-keys/{}", domain, selector), KeyView)

    def dkim_activate(self, domain: str, selector: str, *, idempotency_key: str = "") -> KeyView:
        """Sign with a DKIM key from now on, whether its record was seen in the DNS or not. The one of its
        kind that signed so far retires. Right: change."""
        return self._link.ask(
            "POST",
            path_of("/domains/{}/dkim-keys/{}/activate", domain, selector),
            KeyView,
            key=idempotency_key,
        )

    def dkim_retire(self, domain: str, selector: str, *, idempotency_key: str = "") -> KeyView:
        """Sign with a DKIM key no more. Its record must stay until the mail under way has arrived. Right:
        change."""
        return self._link.ask(
            "POST", path_of("/domains/{}/dkim-keys/{}/retire", domain, selector), KeyView, key=idempotency_key
        )
