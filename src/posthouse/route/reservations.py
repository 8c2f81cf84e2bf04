"""Space promised to messages in flight, so that it is not promised twice."""

from __future__ import annotations

from collections.abc import Iterable


class _Promised:
    """Bytes promised by transaction (its trace id) to each of some things, accounts or domains."""

    def __init__(self) -> None:
        self.by_trace: dict[str, dict[int, int]] = {}
        self._size: dict[int, int] = {}
        self._count: dict[int, int] = {}

    def size(self, thing: int, apart_from: str) -> int:
        own = self.by_trace.get(apart_from, {}).get(thing, 0)
        return self._size.get(thing, 0) - own

    def count(self, thing: int, apart_from: str) -> int:
        return self._count.get(thing, 0) - (thing in self.by_trace.get(apart_from, {}))

    def set(self, trace: str, thing: int, size: int) -> None:
        held = self.by_trace.setdefault(trace, {})
        if thing not in held:
            self._count[thing] = self._count.get(thing, 0) + 1
        self._size[thing] = self._size.get(thing, 0) + size - held.get(thing, 0)
        held[thing] = size

    def drop(self, trace: str) -> dict[int, int]:
        gone = self.by_trace.pop(trace, {})
        for thing, size in gone.items():
            self._count[thing] -= 1
            self._size[thing] -= size
            if not self._count[thing]:
                del self._count[thing], self._size[thing]
        return gone


class Reservations:
    """Bytes promised by transaction and account, and by domain where that is limited."""

    def __init__(self) -> None:
        self._accounts = _Promised()
        self._domains = _Promised()
        self._parts: dict[str, dict[int, tuple[int, int]]] = {}

    def promised(self, account_id: int, *, apart_from: str) -> int:
        """Bytes promised on this account to other transactions."""
        return self._accounts.size(account_id, apart_from)

    def promised_to(self, trace: str, account_id: int) -> int:
        """Bytes promised to one transaction on this account."""
        return self._accounts.by_trace.get(trace, {}).get(account_id, 0)

    def count(self, account_id: int, *, apart_from: str) -> int:
        """Messages promised on this account to other transactions."""
        return self._accounts.count(account_id, apart_from)

    def promised_in(self, domain_id: int, *, apart_from: str, account_id: int = 0) -> int:
        """Bytes promised in this domain: to other transactions whole, and what this one has for its other
        accounts."""
        others = self._domains.size(domain_id, apart_from)
        return others + sum(
            size
            for account, (domain, size) in self._parts.get(apart_from, {}).items()
            if domain == domain_id and account != account_id
        )

    def promise(self, trace: str, account_id: int, size: int, domain_id: int = 0) -> None:
        """Promise ``size`` bytes; one transaction holds one promise per account, as it leaves one copy
        there. ``domain_id``: where the domain's room counts too, else 0."""
        self._accounts.set(trace, account_id, size)
        if domain_id:
            parts = self._parts.setdefault(trace, {})
            parts[account_id] = (domain_id, size)
            self._domains.set(trace, domain_id, _sum(parts.values(), domain_id))

    def release(self, trace: str) -> dict[int, int]:
        """Drop all promises of a transaction; returns what it held of domains."""
        self._accounts.drop(trace)
        self._parts.pop(trace, None)
        return self._domains.drop(trace)

    def __len__(self) -> int:
        return len(self._accounts.by_trace)


def _sum(parts: Iterable[tuple[int, int]], domain_id: int) -> int:
    return sum(size for domain, size in parts if domain == domain_id)
