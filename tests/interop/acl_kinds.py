"""The kinds of differences between Posthouse and Dovecot about rights. Each is a rule that says whether two outcomes
differ just so; docs/differences-from-dovecot.md explains each."""

from __future__ import annotations

from collections.abc import Callable

from acl_world import OWNER, Outcome, address

Rule = Callable[[str, str, Outcome, Outcome], bool]
"""Who asked, what (``VERB word word``), our outcome, Dovecot's."""

_ALL = "acdeiklprstwx"
_NEEDED = set("lrikxa")


def _of_owner(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """The owner has all rights, is told so and does not give any up; Dovecot's owner can."""
    verb, *words = asked.split()
    if verb == "GETACL" and isinstance(ours, dict) and isinstance(theirs, dict):
        whole = {**theirs, address(OWNER): _ALL}
        return ours == whole
    if verb == "LISTRIGHTS" and words[-1] == OWNER:
        return ours == (_ALL, [])
    if verb == "SETACL" and words[1] == OWNER:
        return (ours, theirs) == ("NO", "OK")
    return verb == "MYRIGHTS" and person == OWNER and ours == _ALL and theirs == "al"


def _refused(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """What may not be done is answered with NO; Dovecot says OK, or BAD, and does not do it either."""
    if asked.split()[0] not in ("STORE", "EXPUNGE", "COPY"):
        return False
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return False
    return person != OWNER and ours[0] == "NO" and theirs[0] in ("OK", "BAD") and ours[1:] == theirs[1:]


def _union(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """Rights by several entries add up, and an entry without rights is none."""
    if asked.startswith("GETACL") and isinstance(ours, dict) and isinstance(theirs, dict):
        return ours == {name: rights for name, rights in theirs.items() if rights}
    return asked.startswith("MYRIGHTS") and person != OWNER and (ours, theirs) == ("lrs", "l")


def _listrights(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """Which rights may be given is told to those who may give some."""
    return asked.startswith("LISTRIGHTS") and person != OWNER and ours == "NO" and isinstance(theirs, tuple)


def _rights_of_nothing(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """Nobody has rights on a folder that does not exist."""
    return asked.startswith("MYRIGHTS") and person == OWNER and (ours, theirs) == ("NO", _ALL)


def _little_rights(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """Who may neither see a folder nor do anything there is not told that there is one."""
    few = isinstance(theirs, str) and theirs not in ("NO", "BAD", "CLOSED") and not _NEEDED & set(theirs)
    return asked.startswith("MYRIGHTS") and person != OWNER and ours == "NO" and few


def _superiors(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """A folder that is made brings the missing ones above it along."""
    if asked.startswith("DELETE ") and asked.endswith("/F"):
        return (ours, theirs) == ("OK", "NO")
    return (
        asked.startswith("LIST ")
        and ours == [asked.split()[1], f"{asked.split()[1]}/G"]
        and theirs == ours[1:]
    )


def _delete_alone(person: str, asked: str, ours: Outcome, theirs: Outcome) -> bool:
    """Who may remove a folder may do so with what is in it."""
    return asked.startswith("DELETE ") and person != OWNER and (ours, theirs) == ("OK", "NO")


KINDS: dict[str, Rule] = {
    "rights-of-the-owner": _of_owner,
    "refused": _refused,
    "union-of-rights": _union,
    "listrights-needs-a": _listrights,
    "rights-of-nothing": _rights_of_nothing,
    "rights-without-lookup": _little_rights,
    "superiors": _superiors,
    "delete-with-messages": _delete_alone,
}


def kind_of(person: str, asked: str, ours: Outcome, theirs: Outcome) -> str:
    """The kind of a difference, "" for none that is known."""
    return next((name for name, rule in KINDS.items() if rule(person, asked, ours, theirs)), "")
