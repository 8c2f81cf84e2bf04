"""The accepting side of a Kerberos exchange (GSS-API, RFC 2743; Kerberos V5, RFC 4120 and 4121).

The system's library does it. The package ``gssapi`` is an extra: it is built against that library, and looked for only
where a keytab is named. All of this blocks; it is called in threads.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from posthouse.wire.sasl.gssapi import Refused

MECHANISM = "1.2.840.113554.1.2.2"
"""Kerberos V5, and nothing that negotiates (SPNEGO) or is weaker."""


def unusable() -> str:
    """Why there is no Kerberos in this program, in words; "" where there is."""
    try:
        library = importlib.import_module("gssapi")
    except ImportError:
        return "the extra kerberos is not installed (pip install 'posthouse[kerberos]')"
    except OSError as problem:  # the system's library is gone, or another one
        return f"the Kerberos library cannot be loaded: {problem}"
    if not hasattr(library.raw, "acquire_cred_from"):
        return "the Kerberos library cannot take keys from a file of its own choosing"
    return ""


class Acceptor:
    """One context. Tokens that were seen before are known by the file ``replays``. All of it raises Refused."""

    def __init__(self, keytab: str, service: str, replays: Path) -> None:
        self._library: Any = importlib.import_module("gssapi")
        store = {"keytab": f"FILE:{keytab}", "rcache": f"file2:{replays}"}
        kerberos = self._library.OID.from_int_seq(MECHANISM)
        self._mechanism = str(kerberos)
        try:
            # A service without a host: any key of it. A ticket that was made with the key of another is refused.
            name = self._library.Name(service, self._library.NameType.hostbased_service)
            keys = self._library.Credentials(name=name, usage="accept", mechs=[kerberos], store=store)
            self._context = self._library.SecurityContext(creds=keys, usage="accept")
        except self._library.exceptions.GSSError as problem:
            raise Refused(f"the keytab cannot be used: {_words(problem)}", temporary=True) from None

    def accept(self, token: bytes) -> bytes | None:
        """See ``wire.sasl.gssapi.Context``."""
        try:
            answer: bytes | None = self._context.step(token)
            if self._context.complete and str(self._context.mech) != self._mechanism:
                raise Refused("that is not Kerberos")
        except self._library.exceptions.GSSError as problem:
            raise Refused(_words(problem)) from None
        return answer

    @property
    def complete(self) -> bool:
        """See ``wire.sasl.gssapi.Context``."""
        return bool(self._context.complete)

    @property
    def principal(self) -> str:
        """See ``wire.sasl.gssapi.Context``."""
        try:
            return str(self._context.initiator_name)
        except (self._library.exceptions.GSSError, UnicodeDecodeError):
            raise Refused("the ticket names nobody") from None

    def wrap(self, data: bytes) -> bytes:
        """See ``wire.sasl.gssapi.Context``."""
        try:
            return bytes(self._context.wrap(data, False).message)
        except self._library.exceptions.GSSError as problem:
            raise Refused(_words(problem)) from None

    def unwrap(self, data: bytes) -> bytes:
        """See ``wire.sasl.gssapi.Context``."""
        try:
            return bytes(self._context.unwrap(data).message)
        except self._library.exceptions.GSSError as problem:
            raise Refused(_words(problem)) from None


def _words(problem: Any) -> str:
    """What the library says of an error, in one line."""
    try:
        text = problem.gen_message()
    except Exception:
        text = type(problem).__name__
    return " ".join(str(text).split())[:200]
