"""Signature fields as values: DKIM-Signature (RFC 6376 3.5), ARC-Message-Signature and ARC-Seal (RFC 8617 4.1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from posthouse.mail.headers import Field
from posthouse.origin.canonical import Form
from posthouse.origin.keys import ALGORITHMS, Algorithm, BadKey, PublicKey, read_record
from posthouse.origin.tags import TagError, parse_tags, without_blanks

State = Literal["none", "pass", "fail", "policy", "neutral", "temperror", "permerror"]
"""The words of Authentication-Results (RFC 8601 2.7.1). ``none``: not signed. ``policy``: good by the letter, but not
acceptable (expired, a key too small, only a part of the body signed). ``neutral``: no signature that can be read.
``permerror``: it can never be verified (no such key, From not signed). ``temperror``: the DNS did not answer."""

Kind = Literal["dkim", "message", "seal"]

LEEWAY = 300.0
"""Seconds that clocks may differ."""

MOST_NAMES = 1000
"""Names in one ``h=``."""

MOST_RECORDS = 4
"""TXT records of one selector that are tried."""


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What the DNS said of a selector. ``found``: ``rows`` are its TXT records. ``none``: there is no such name or no
    TXT record. ``failed``: no answer, perhaps later."""

    state: Literal["found", "none", "failed"]
    rows: tuple[str, ...] = ()


class Unfit(Exception):
    """A signature does not come to a verdict of its own; ``state`` and the text say which one it gets."""

    def __init__(self, state: State, text: str) -> None:
        super().__init__(text)
        self.state = state


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands in one field. ``identity`` is ``i=`` of DKIM, ``instance`` that of ARC. ``names`` is ``h=``.
    ``limit`` is ``l=``. ``validity`` (``cv=``) is the seal's. Domain and selector are A-labels in lower case."""

    field: Field
    kind: Kind
    algorithm: Algorithm
    domain: str
    selector: str
    value: bytes
    identity: str = ""
    instance: int = 0
    names: tuple[bytes, ...] = ()
    body_digest: bytes = b""
    header_form: Form = "relaxed"
    body_form: Form = "relaxed"
    limit: int | None = None
    signed_at: float = 0.0
    expires_at: float = 0.0
    validity: str = ""

    @property
    def question(self) -> str:
        """The name whose TXT record is the key."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_signature(field: Field, kind: Kind) -> Signature:
    """Read a signature field. Raises Unfit."""
    try:
        tags = parse_tags(field.value)
    except TagError as error:
        raise Unfit("neutral", f"the signature is broken: {error}") from None
    if kind == "dkim" and tags.get("v") != b"1":
        raise Unfit("neutral", "the signature is of another version")
    algorithm = _algorithm(tags)
    domain, selector = domain_of(_needed(tags, "d")), domain_of(_needed(tags, "s"))
    common = Signature(field, kind, algorithm, domain, selector, _base64(tags, "b"))
    if kind == "seal":
        return _seal(common, tags)
    header_form, body_form = _forms(tags)
    return Signature(
        field,
        kind,
        algorithm,
        domain,
        selector,
        common.value,
        identity=_identity(tags, domain) if kind == "dkim" else "",
        instance=_instance(tags) if kind == "message" else 0,
        names=_names(tags, kind),
        body_digest=_base64(tags, "bh"),
        header_form=header_form,
        body_form=body_form,
        limit=_number(tags, "l") if "l" in tags else None,
        signed_at=_time(tags, "t"),
        expires_at=_time(tags, "x"),
    )


def _seal(common: Signature, tags: Mapping[str, bytes]) -> Signature:
    if "h" in tags:
        raise Unfit("fail", "a seal must not name fields")
    validity = _needed(tags, "cv").lower().decode("ascii", "replace")
    if validity not in ("none", "pass", "fail"):
        raise Unfit("fail", "the seal's cv= means nothing")
    return Signature(
        common.field,
        "seal",
        common.algorithm,
        common.domain,
        common.selector,
        common.value,
        instance=_instance(tags),
        validity=validity,
        signed_at=_time(tags, "t"),
        expires_at=_time(tags, "x"),
    )


def check_terms(signature: Signature, now: float) -> None:
    """What can be said without key and body: From is signed, it is not expired. Raises Unfit."""
    if signature.kind != "seal" and b"from" not in signature.names:
        raise Unfit("permerror", "From is not signed")
    if signature.signed_at > now + LEEWAY:
        raise Unfit("policy", "the signature is from the future")
    if signature.expires_at:
        if signature.expires_at < signature.signed_at:
            raise Unfit("permerror", "the signature expires before it was made")
        if signature.expires_at < now - LEEWAY:
            raise Unfit("policy", "the signature is expired")


def key_for(signature: Signature, answer: KeyAnswer | None) -> PublicKey:
    """The key that the DNS names for this signature. Raises Unfit."""
    if answer is None or answer.state == "failed":
        raise Unfit("temperror", "the DNS does not answer for the key")
    if answer.state == "none" or not answer.rows:
        raise Unfit("permerror", "there is no such key in the DNS")
    trouble: Unfit | None = None
    for row in answer.rows[:MOST_RECORDS]:
        try:
            key = read_record(row)
            _check_key(signature, key)
            return key
        except BadKey as error:
            trouble = trouble or Unfit("policy" if error.policy else "permerror", str(error))
        except Unfit as error:
            trouble = trouble or error
    assert trouble is not None
    raise trouble


def _check_key(signature: Signature, key: PublicKey) -> None:
    if key.algorithm != signature.algorithm:
        raise Unfit("permerror", "the key is of another kind than the signature")
    if key.hashes and "sha256" not in key.hashes:
        raise Unfit("permerror", "the key is not for SHA-256")
    if not key.services & {"*", "email"}:
        raise Unfit("permerror", "the key is not for mail")
    if key.strict and signature.kind == "dkim":
        host = signature.identity.rpartition("@")[2]
        if host != signature.domain:
            raise Unfit("permerror", "the key is not for subdomains")


# ------------------------------------------------------------------ the tags


def domain_of(value: bytes) -> str:
    """A domain or selector in A-labels and lower case (U-labels: RFC 8616 3). Raises Unfit."""
    try:
        text = value.decode("utf-8").lower().rstrip(".")
        if not text.isascii():
            import idna

            text = idna.encode(text, uts46=True).decode("ascii").lower()
    except (UnicodeError, ValueError):
        raise Unfit("neutral", "a name in the signature is none") from None
    labels = text.split(".")
    fine = 0 < len(text) <= 253 and all(0 < len(label) <= 63 for label in labels)
    if not fine or not all(label.replace("-", "").replace("_", "").isalnum() for label in labels):
        raise Unfit("neutral", "a name in the signature is none")
    return text


def _needed(tags: Mapping[str, bytes], name: str) -> bytes:
    value = tags.get(name)
    if not value:
        raise Unfit("neutral", f"the signature has no {name}=")
    return value


def _algorithm(tags: Mapping[str, bytes]) -> Algorithm:
    given = _needed(tags, "a").lower().decode("ascii", "replace")
    if given == "rsa-sha1":
        raise Unfit("permerror", "rsa-sha1 is not trusted any more (RFC 8301)")
    if given not in ALGORITHMS:
        raise Unfit("neutral", "the algorithm is unknown")
    return given


def _base64(tags: Mapping[str, bytes], name: str) -> bytes:
    try:
        return base64.b64decode(without_blanks(_needed(tags, name)), validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("neutral", f"{name}= is no base64") from None


def _forms(tags: Mapping[str, bytes]) -> tuple[Form, Form]:
    header, _, body = tags.get("c", b"simple/simple").lower().decode("ascii", "replace").partition("/")
    body = body or "simple"
    if header not in ("simple", "relaxed") or body not in ("simple", "relaxed"):
        raise Unfit("neutral", "the canonical form is unknown")
    return cast(Form, header), cast(Form, body)


def _names(tags: Mapping[str, bytes], kind: Kind) -> tuple[bytes, ...]:
    names = tuple(without_blanks(name).lower() for name in _needed(tags, "h").split(b":"))
    if len(names) > MOST_NAMES:
        raise Unfit("neutral", "it names too many fields")
    if kind == "message" and b"arc-seal" in names:
        raise Unfit("fail", "it signs a seal")
    return names


def _identity(tags: Mapping[str, bytes], domain: str) -> str:
    """``i=``, which must be of the domain or below it."""
    given = tags.get("i")
    if not given:
        return f"@{domain}"
    local, _, host = given.rpartition(b"@")
    name = domain_of(host)
    if name != domain and not name.endswith("." + domain):
        raise Unfit("permerror", "i= is not of the domain that signs")
    return f"{local.decode('utf-8', 'replace')}@{name}"


def _instance(tags: Mapping[str, bytes]) -> int:
    number = _number(tags, "i")
    if not 1 <= number <= 50:
        raise Unfit("fail", "an instance number is out of range")
    return number


def _number(tags: Mapping[str, bytes], name: str) -> int:
    text = _needed(tags, name)
    if not text.isdigit() or len(text) > 12:
        raise Unfit("neutral", f"{name}= is no number")
    return int(text)


def _time(tags: Mapping[str, bytes], name: str) -> float:
    return float(_number(tags, name)) if name in tags else 0.0


# ------------------------------------------------------------------ writing

_LINE = 72


def written(name: str, tags: Sequence[tuple[str, str]], names: Sequence[bytes], digest: bytes) -> bytes:
    """A signature field with an empty ``b=`` at its end, folded, without its last CRLF. ``names`` and ``digest`` are
    left out where they are empty."""
    lines: list[str] = []
    line = f"{name}:"
    for tag, value in tags:
        piece = f" {tag}={value};"
        if len(line) + len(piece) > _LINE and line.strip():
            lines.append(line)
            line = "\t" + piece[1:]
        else:
            line += piece
    lines.append(line)
    if names:
        line = "\th="
        for number, each in enumerate(names):
            piece = (":" if number else "") + each.decode("ascii")
            if len(line) + len(piece) > _LINE:
                lines.append(line)
                line = "\t"
            line += piece
        lines.append(line + ";")
    if digest:
        lines.append(f"\tbh={base64.b64encode(digest).decode()};")
    lines.append("\tb=")
    return "\r\n".join(lines).encode()


def completed(unsigned: bytes, value: bytes) -> bytes:
    """The field with its signature, folded, and its CRLF."""
    text = base64.b64encode(value)
    pieces = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return unsigned + b"\r\n\t ".join(pieces) + b"\r\n"
