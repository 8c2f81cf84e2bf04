"""Passkeys (WebAuthn level 2), by the webauthn library: options for the browser, and what comes back from it.

The relying party's id is a domain of ours, never just what the request says: browsers offer a passkey only to the
domain it was made for, and an answer counts only where that domain, the origin and the stored one agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from posthouse.directory.factors import Factor

LONGEST_ANSWER = 20_000
"""Bytes of JSON an authenticator may answer with."""


class BadPasskey(Exception):
    """The answer of the authenticator does not hold; the text is for the log."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What passkeys are made for: a domain, and the origin of the page that asks."""

    id: str
    origin: str


class Key(msgspec.Struct, frozen=True):
    """What is stored of a passkey: credential id and public key (base64url) and the domain it was made for."""

    id: str
    key: str
    rp: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """An authenticator's answer, taken apart but not yet believed."""

    credential_id: bytes
    challenge: str
    user_handle: bytes | None
    raw: str = field(repr=False)


def relying_party(origin: str, domain: str, hostname: str) -> RelyingParty | None:
    """The relying party for pages of this origin: ``domain`` (a setting) or the server's host name where the
    origin is on it or below it, else the origin's own name. None where passkeys cannot work: no TLS, or an IP
    address instead of a name."""
    try:
        parts = urlsplit(origin)
        host = (parts.hostname or "").lower().rstrip(".")
        plain = f"{parts.scheme}://{parts.netloc}".lower()
    except ValueError:
        return None
    if not host or _is_ip(host) or (parts.scheme != "https" and host != "localhost"):
        return None
    if domain:
        return RelyingParty(domain.lower(), plain) if _within(host, domain.lower()) else None
    name = hostname.lower().rstrip(".")
    return RelyingParty(name if "." in name and _within(host, name) else host, plain)


def user_handle(account_id: int) -> bytes:
    """How an authenticator names an account: nothing personal, and never used again."""
    return b"posthouse-account-%d" % account_id


def registration_options(
    party: RelyingParty, account_id: int, address: str, challenge: bytes, known: list[Factor]
) -> str:
    """Options for ``navigator.credentials.create`` as JSON; a passkey that is known is not made again."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Posthouse",
        user_id=user_handle(account_id),
        user_name=address,
        user_display_name=address,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known, party),
    )
    return options_to_json(options)


def registered(party: RelyingParty, answer: str, challenge: bytes) -> tuple[Key, int]:
    """The key of a new passkey and its sign count. Raises BadPasskey."""
    try:
        _bounded(answer)
        verified = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise BadPasskey(f"{type(error).__name__}: {error}") from None
    key = Key(
        bytes_to_base64url(verified.credential_id),
        bytes_to_base64url(verified.credential_public_key),
        party.id,
    )
    return key, verified.sign_count


def key_of(factor: Factor) -> Key:
    """The stored key of a passkey."""
    return msgspec.json.decode(factor.secret, type=Key)


def credential_id(key: Key) -> bytes:
    """The credential id of a stored key."""
    return base64url_to_bytes(key.id)


def authentication_options(party: RelyingParty, challenge: bytes, known: list[Factor] | None) -> str:
    """Options for ``navigator.credentials.get`` as JSON: for these passkeys, or (None) for whichever the
    authenticator finds for our domain; that one must verify its user. "" when none of them fits."""
    if known is None:
        options = webauthn.generate_authentication_options(
            rp_id=party.id, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return options_to_json(options)
    fitting = _descriptors(known, party)
    if not fitting:
        return ""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        allow_credentials=fitting,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def challenge_name(challenge: bytes) -> str:
    """A challenge as it stands in the browser's answer."""
    return str(bytes_to_base64url(challenge))


def parse_assertion(answer: str) -> Assertion:
    """Take an answer apart, to find the passkey and the challenge it is about. Raises BadPasskey."""
    try:
        _bounded(answer)
        credential = webauthn.helpers.parse_authentication_credential_json(answer)
        client = webauthn.helpers.parse_client_data_json(credential.response.client_data_json)
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise BadPasskey(f"{type(error).__name__}: {error}") from None
    return Assertion(
        credential.raw_id, challenge_name(client.challenge), credential.response.user_handle, answer
    )


def authenticated(party: RelyingParty, assertion: Assertion, challenge: bytes, factor: Factor) -> int:
    """The sign count of a good answer. Raises BadPasskey: wrong origin, domain, challenge, signature or user, no
    user verification, or a count that did not grow (a copied authenticator)."""
    try:
        key = key_of(factor)
        if key.rp != party.id:
            raise BadPasskey(f"the passkey is for {key.rp}, the page at {party.origin}")
        if assertion.user_handle and assertion.user_handle != user_handle(factor.account_id):
            raise BadPasskey("the passkey names another user")
        verified = webauthn.verify_authentication_response(
            credential=assertion.raw,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(key.key),
            credential_current_sign_count=factor.counter,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise BadPasskey(f"{type(error).__name__}: {error}") from None
    return verified.new_sign_count


def _descriptors(known: list[Factor], party: RelyingParty) -> list[PublicKeyCredentialDescriptor]:
    keys = [key_of(factor) for factor in known if factor.kind == "passkey"]
    return [
        PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.id)) for key in keys if key.rp == party.id
    ]


def _bounded(answer: str) -> None:
    if len(answer) > LONGEST_ANSWER:
        raise BadPasskey("the answer is too long")


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
