"""What LIST and LSUB answer, as plain work on names (RFC 9051 6.3.9, RFC 5258, RFC 6154)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from posthouse.store.contract import Mailbox
from posthouse.wire.imap.names import SEPARATOR, Pattern
from posthouse.wire.imap.syntax import List


@dataclass(frozen=True, slots=True)
class Listed:
    """One LIST response: ``mailbox`` is None for a name that is no mailbox."""

    name: str
    attributes: tuple[str, ...]
    child_info: tuple[str, ...] = ()
    mailbox: Mailbox | None = None


def parents(name: str) -> Iterator[str]:
    """The names above a name, nearest first: ``a/b/c`` gives ``a/b`` and ``a``."""
    end = name.rfind(SEPARATOR)
    while end > 0:
        yield name[:end]
        end = name.rfind(SEPARATOR, 0, end)


def patterns_of(arguments: List) -> list[Pattern]:
    """The patterns with the reference before each (RFC 9051 6.3.9: how they join is ours to say)."""
    return [Pattern(arguments.reference + text) for text in arguments.patterns]


class Tree:
    """The mailboxes and subscriptions of an account, with what LIST wants to know of each name."""

    def __init__(self, mailboxes: Iterable[Mailbox], subscriptions: Iterable[str]) -> None:
        self.mailboxes = {mailbox.name: mailbox for mailbox in mailboxes}
        self.subscribed = frozenset(subscriptions)
        self._with_children = {above for name in self.mailboxes for above in parents(name)}
        self.nodes = frozenset(self._with_children - self.mailboxes.keys())
        """Names that are no mailboxes, but have some below: the roots of what is shared, and the like."""

    def listed(self, arguments: List, patterns: list[Pattern]) -> list[Listed]:
        """The answer to LIST, in the order of names with INBOX first."""
        chosen = self._chosen(arguments.selection)
        above: dict[str, tuple[str, ...]] = {}
        if "RECURSIVEMATCH" in arguments.selection:
            above = self._above(chosen, tuple(sorted(arguments.selection & {"SUBSCRIBED", "SPECIAL-USE"})))
        names = chosen | above.keys()
        found: list[Listed] = []
        for name in sorted(names, key=_order):
            if any(pattern.match(name) for pattern in patterns):
                attributes = self._attributes(name, arguments)
                found.append(Listed(name, attributes, above.get(name, ()), self.mailboxes.get(name)))
        return found

    def _chosen(self, selection: frozenset[str]) -> frozenset[str]:
        """The names that meet the selection options (all of them together)."""
        names: frozenset[str] = (
            self.subscribed if "SUBSCRIBED" in selection else frozenset(self.mailboxes) | self.nodes
        )
        if "SPECIAL-USE" in selection:
            names = frozenset(name for name in names if self._special(name))
        return names

    def _above(self, chosen: frozenset[str], options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """CHILDINFO of RECURSIVEMATCH: every name above a chosen one, with the options that chose it."""
        return {name: options for below in chosen for name in parents(below)}

    def _special(self, name: str) -> str:
        mailbox = self.mailboxes.get(name)
        return mailbox.special_use if mailbox is not None else ""

    def _attributes(self, name: str, arguments: List) -> tuple[str, ...]:
        words: list[str] = []
        if name not in self.mailboxes:
            words.append("\\NonExistent")
            if name in self.nodes:
                words.append("\\Noselect")  # (for clients that know RFC 3501 only)
        selection, returns = arguments.selection, arguments.returns
        if ("SUBSCRIBED" in selection or "SUBSCRIBED" in returns) and name in self.subscribed:
            words.append("\\Subscribed")
        if not arguments.extended or "CHILDREN" in returns or name in self.mailboxes or name in self.nodes:
            words.append("\\HasChildren" if name in self._with_children else "\\HasNoChildren")
        special = self._special(name)
        if special:
            words.append(special)
        return tuple(words)

    def lsub(self, patterns: list[Pattern]) -> list[Listed]:
        """The answer to LSUB (RFC 3501 6.3.9): subscribed names; and where ``%`` hides a subscribed name
        below, the name above it with \\Noselect."""
        found: dict[str, Listed] = {}
        for name in self.subscribed:
            if any(pattern.match(name) for pattern in patterns):
                attributes = () if name in self.mailboxes else ("\\Noselect",)
                found[name] = Listed(name, attributes, mailbox=self.mailboxes.get(name))
                continue
            for above in parents(name):
                if above not in self.subscribed and any(pattern.match(above) for pattern in patterns):
                    found.setdefault(above, Listed(above, ("\\Noselect",)))
        return sorted(found.values(), key=lambda listed: _order(listed.name))


def _order(name: str) -> tuple[bool, str]:
    return (name != "INBOX", name)
