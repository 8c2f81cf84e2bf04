"""Password hashes that other servers made: taken over on import, and replaced at the first sign-in.

None of them is kept as it came. What the other server stored is hashed once more with Argon2id, and the scheme with
its salt stands in front: ``{sha256 a1b2c3}$argon2id$...``. To verify, the password goes through the old scheme and then
through Argon2id; so a copy of our tables is no easier to guess from than any other, and every sign-in costs the same.

Clear text and hMailServer's Blowfish (whose key is a constant) are compared without regard to case, as hMailServer
does: ``{caseless}``. That lasts until the first sign-in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from posthouse.directory import sha_crypt

KINDS = ("plain", "blowfish", "md5", "sha256", "phc", "scheme")
"""``plain`` to ``phc`` are hMailServer's types 0 to 4; ``scheme`` is ``{SSHA}...`` and its kind, and crypt(3)."""

_BLOWFISH_KEY = b"THIS_KEY_IS_NOT_SECRET"
_MOST_ITERATIONS = 5_000_000
_MOST_MEMORY = 256 * 1024
"""KiB that an imported Argon2 hash may want; what is stored makes the server allocate it."""
_LONGEST = 1024

_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)
_PBKDF2 = re.compile(
    r"\$pbkdf2-sha256\$(?:i=)?([0-9]{1,8})(?:,l=[0-9]+)?\$([A-Za-z0-9+/.=]{1,90})\$([A-Za-z0-9+/.=]{10,90})"
)
_STORED = re.compile(r"\{([a-z0-9-]+)((?: [A-Za-z0-9+/=.$]+)*)\}(\$.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A hash that came from elsewhere. ``scheme`` with its parameters says how a password becomes ``digest``.
    ``password`` is the clear text where the other server gave it away. ``whole``: an Argon2id hash, kept as it is."""

    scheme: str
    digest: str = field(repr=False)
    password: str = field(default="", repr=False)
    whole: bool = False


def is_foreign(stored: str) -> bool:
    """Whether a stored hash has another scheme in front."""
    return stored.startswith("{")


def parse(kind: str, text: str) -> Foreign:
    """What another server stored, of one of :data:`KINDS`. Raises ValueError with a plain reason."""
    text = text.strip() if kind != "plain" else text
    reader = _READERS.get(kind)
    if reader is None:
        raise ValueError(f"{kind[:20]!r} is no kind of hash; there are {', '.join(KINDS)}")
    if not text or len(text) > _LONGEST:
        raise ValueError("the hash is empty or too long")
    return reader(text)


def guess(text: str) -> str:
    """The kind of a hash that says itself what it is, "" for the others."""
    if text.startswith(("$argon2", "$pbkdf2")):
        return "phc"
    return "scheme" if text.startswith(("{", "$5$", "$6$", "$2")) else ""


def stored_form(foreign: Foreign, argon2: Callable[[str], str]) -> str:
    """What is stored for it; ``argon2`` hashes a text."""
    return foreign.digest if foreign.whole else f"{{{foreign.scheme}}}{argon2(foreign.digest)}"


def candidates(stored: str, password: str) -> tuple[str, list[str]]:
    """The Argon2id hash within a stored one, and the texts that may match it: one, or two where the password is not
    ASCII (hMailServer hashed the bytes of the machine's code page). Raises ValueError for what nobody stored."""
    match = _STORED.fullmatch(stored)
    if match is None:
        raise ValueError("not a stored hash")
    scheme, parameters, argon2 = match[1], match[2].split(), match[3]
    if scheme == "caseless":
        return argon2, [password.lower()]
    encoded = [password.encode("utf-8", "surrogatepass")]
    if not password.isascii() and scheme in ("md5", "sha256"):
        try:
            encoded.append(password.encode("cp1252"))
        except UnicodeEncodeError:
            pass
    return argon2, [_digest(scheme, parameters, each) for each in encoded]


def _digest(scheme: str, parameters: list[str], password: bytes) -> str:
    match scheme, parameters:
        case "md5", []:
            return hashlib.md5(password, usedforsecurity=False).hexdigest()
        case "sha256", [salt]:
            return hashlib.sha256(salt.encode() + password).hexdigest()
        case ("ssha" | "ssha256" | "ssha512") as name, [salt]:
            return _salted(name, password, base64.b64decode(salt))
        case "pbkdf2", [iterations, size, salt]:
            raw = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(salt), int(iterations), int(size))
            return raw.hex()
        case ("sha256-crypt" | "sha512-crypt") as name, [rounds, *salt]:
            return sha_crypt.digest(name[:6], password, "".join(salt).encode(), int(rounds))
    raise ValueError("not a stored hash")


def _salted(name: str, password: bytes, salt: bytes) -> str:
    algorithm = {"ssha": "sha1", "ssha256": "sha256", "ssha512": "sha512"}[name]
    return hashlib.new(algorithm, password + salt, usedforsecurity=False).hexdigest()


def _plain(text: str) -> Foreign:
    return Foreign("caseless", text.lower(), text)


def _blowfish(text: str) -> Foreign:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if not data or len(data) % 8:
        raise ValueError("a Blowfish password is hexadecimal, 16 digits or a multiple of it")
    decryptor = Cipher(Blowfish(_BLOWFISH_KEY), modes.ECB()).decryptor()  # noqa: S305 - hMailServer's own
    clear = _swapped(decryptor.update(_swapped(data)) + decryptor.finalize()).rstrip(b"\0")
    try:
        password = clear.decode("ascii")
    except UnicodeDecodeError:
        try:
            password = clear.decode("utf-8")
        except UnicodeDecodeError:
            password = clear.decode("cp1252", "ignore")
    if not password or not password.isprintable():
        raise ValueError("this is no Blowfish password of hMailServer")
    return _plain(password)


def _swapped(data: bytes) -> bytes:
    """Every 32-bit word with its bytes in the other order."""
    return b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))


def _md5(text: str) -> Foreign:
    return Foreign("md5", _hexadecimal(text, 32))


def _sha256(text: str) -> Foreign:
    salt_and_digest = _hexadecimal(text, 70)
    return Foreign(f"sha256 {salt_and_digest[:6]}", salt_and_digest[6:])


def _hexadecimal(text: str, digits: int) -> str:
    if len(text) != digits or not re.fullmatch("[0-9a-fA-F]+", text):
        raise ValueError(f"the hash must have {digits} hexadecimal digits")
    return text.lower()


def _phc(text: str) -> Foreign:
    argon2 = _ARGON2.fullmatch(text)
    if argon2:
        memory, passes, lanes = (int(part) for part in argon2.groups()[:3])
        if not 8 * lanes <= memory <= _MOST_MEMORY or not 1 <= passes <= 20 or lanes < 1 or len(text) > 255:
            raise ValueError("this Argon2 hash wants more memory or passes than are allowed")
        return Foreign("", text, whole=True)
    pbkdf2 = _PBKDF2.fullmatch(text)
    if not pbkdf2:
        raise ValueError("only $argon2id$v=19$ and $pbkdf2-sha256$ are known")
    iterations = int(pbkdf2[1])
    if not 1 <= iterations <= _MOST_ITERATIONS:
        raise ValueError("this hash wants more iterations than are allowed")
    salt, raw = _unpadded(pbkdf2[2]), _unpadded(pbkdf2[3])
    return Foreign(f"pbkdf2 {iterations} {len(raw)} {base64.b64encode(salt).decode()}", raw.hex())


def _unpadded(text: str) -> bytes:
    """Base64 with or without padding, and with passlib's dot for the plus sign."""
    text = text.rstrip("=").replace(".", "+")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("salt or hash is not base64") from None


def _scheme(text: str) -> Foreign:
    match = re.fullmatch(r"\{([A-Za-z0-9.-]+)\}(.+)", text)
    name, value = (match[1].upper().partition(".")[0], match[2]) if match else ("CRYPT", text)
    if name in ("CRYPT", "SHA256-CRYPT", "SHA512-CRYPT"):
        algorithm, rounds, salt, digest = sha_crypt.parse(value)
        return Foreign(f"{algorithm}-crypt {rounds} {salt}".rstrip(), digest)
    sizes = {"SSHA": 20, "SSHA256": 32, "SSHA512": 64}
    if name in sizes:
        raw = _unpadded(value)
        tail = raw[sizes[name] :]
        if not 1 <= len(tail) <= 64:
            raise ValueError("the salt is missing or too long")
        return Foreign(f"{name.lower()} {base64.b64encode(tail).decode()}", raw[: sizes[name]].hex())
    if name == "ARGON2ID":
        return _phc(value)
    if name == "PLAIN-MD5":
        return _md5(value)
    if name in ("PLAIN", "CLEARTEXT"):
        # Dovecot compares these exactly: a password like any other.
        return Foreign("", "", value)
    raise ValueError(f"the scheme {{{name[:20]}}} is not known")


_READERS: dict[str, Callable[[str], Foreign]] = {
    "plain": _plain,
    "blowfish": _blowfish,
    "md5": _md5,
    "sha256": _sha256,
    "phc": _phc,
    "scheme": _scheme,
}
