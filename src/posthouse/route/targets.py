"""The targets of a route as people write them, and as sending reads them."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from posthouse.mail.address import parse_domain
from posthouse.route.contract import Target

MOST_TARGETS = 20
LONGEST = 2000
UNIX = "unix:"

_NUMBER = re.compile(r"[0-9]{1,5}")


@lru_cache(maxsize=512)
def parse_targets(text: str, port: int) -> tuple[Target, ...]:
    """The targets in ``host[:port][,preference[,weight]]``, several separated by ``|`` or lines; ``port`` is for those
    that name none. Without preferences they are asked in the order in which they stand. IPv6 addresses stand in
    brackets where a port follows; a Unix socket is ``unix:/path``. Raises ValueError with a plain reason."""
    if len(text) > LONGEST:
        raise ValueError("that is too long")
    pieces = [each.strip() for each in re.split(r"[|\r\n]", text)]
    wanted = [each for each in pieces if each]
    if len(wanted) > MOST_TARGETS:
        raise ValueError(f"there can be {MOST_TARGETS} at most")
    return tuple(_target(each, port, place) for place, each in enumerate(wanted))


def _target(text: str, port: int, place: int) -> Target:
    where, *numbers = (each.strip() for each in text.split(","))
    if len(numbers) > 2:
        raise ValueError(f"{text!r} has too many commas: write host:port,preference,weight")
    values = [_number(each, text) for each in numbers]
    preference = values[0] if values else place
    weight = values[1] if len(values) > 1 else 1
    if not 1 <= weight <= 1000:
        raise ValueError(f"the weight of {where!r} must be 1 to 1000")
    host, named = _host(where)
    used = named or port
    if not 1 <= used <= 65535 and not host.startswith("/"):
        raise ValueError(f"the port of {where!r} must be 1 to 65535")
    return Target(host, used, preference, weight)


def _number(text: str, whole: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"in {whole!r}, {text!r} is no number")
    return int(text)


def _host(text: str) -> tuple[str, int]:
    """The host and the port it names, 0 for none."""
    path = text.removeprefix(UNIX)
    if path.startswith("/"):
        if not path.isprintable() or len(path.encode()) > 100:
            raise ValueError(f"{text!r} is no path of a socket")
        return path, 0
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no host")
        return _ip(inside, text), _number(rest[1:], text) if rest else 0
    if text.count(":") > 1:
        return _ip(text, text), 0
    name, colon, number = text.partition(":")
    named = _number(number, text) if colon else 0
    if colon and named == 0:
        raise ValueError(f"the port of {text!r} must be 1 to 65535")
    return _name(name), named


def _ip(text: str, whole: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{whole!r} is no host") from None


def _name(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    try:
        name = a_labels(parse_domain(text))
    except ValueError as problem:
        raise ValueError(f"{text!r} is no host: {problem}") from None
    if name.startswith("[") or name.rpartition(".")[2].isdigit():
        raise ValueError(f"{text!r} is no host")
    return name


def a_labels(domain: str) -> str:
    """A domain as the DNS has it: A-labels in lower case (IDNA 2008, RFC 5891). Raises ValueError."""
    if domain.isascii():
        return domain.lower()
    import idna  # its tables are needed for few addresses only

    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("the domain has signs that no domain name can have") from error
