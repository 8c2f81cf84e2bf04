"""Threads of messages: the algorithms REFERENCES and ORDEREDSUBJECT of RFC 5256 3, over small records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_MESSAGE_ID = re.compile(rb"<[ \t]*(\"(?:[^\"\\]|\\.)*+\"|[^<>@\"\s]++)@([^<>@\s]++)[ \t]*>")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def message_ids(value: bytes) -> list[str]:
    """The message ids of a Message-ID, In-Reply-To or References field, normalised: angle brackets, no quoting where
    none is needed (RFC 5256 3, REFERENCES)."""
    found: list[str] = []
    for local, domain in _MESSAGE_ID.findall(value):
        if local.startswith(b'"'):
            local = _QUOTED_PAIR.sub(rb"\1", local[1:-1])
        found.append(f"<{local.decode('utf-8', 'replace')}@{domain.decode('utf-8', 'replace')}>")
    return found


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """What threading needs of one message. ``id`` is its UID or sequence number; ``date`` the sent date in seconds (the
    internal date where there is none); ``base_subject`` folded; ``references`` oldest first, ending with the parent."""

    id: int
    message_id: str
    references: Sequence[str]
    date: int
    base_subject: str
    is_reply: bool


@dataclass(slots=True, eq=False)
class ThreadNode:
    """A message and its replies. ``id`` None: a message that is not there, whose replies belong together."""

    id: int | None
    children: list[ThreadNode] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Container:
    """A node while the forest grows."""

    record: ThreadRecord | None = None
    parent: _Container | None = None
    children: list[_Container] = field(default_factory=list)


def ordered_subject(records: Iterable[ThreadRecord]) -> list[ThreadNode]:
    """ORDEREDSUBJECT: one thread per base subject, sorted by date; the first message is the parent of all the
    others."""
    threads: dict[str, list[ThreadRecord]] = {}
    for record in sorted(records, key=_by_date):
        threads.setdefault(record.base_subject, []).append(record)
    return [
        ThreadNode(first.id, [ThreadNode(reply.id) for reply in replies])
        for first, *replies in threads.values()
    ]


def _by_date(record: ThreadRecord) -> tuple[int, int]:
    return record.date, record.id


def references(records: Iterable[ThreadRecord]) -> list[ThreadNode]:
    """REFERENCES: threads by References and Message-ID, then gathered by base subject."""
    roots = _prune(_link(records))
    roots.sort(key=_container_key)
    roots = _gather_subjects(roots)
    _sort_all(roots)
    return _nodes(roots)


def _link(records: Iterable[ThreadRecord]) -> list[_Container]:
    """Step 1: a container for each id that is named anywhere, linked as the References say. Returns the roots (step
    2)."""
    containers: dict[str, _Container] = {}
    unnamed: list[_Container] = []
    everything: list[_Container] = []
    for record in sorted(records, key=lambda record: record.id):
        own = containers.get(record.message_id) if record.message_id else None
        if own is None or own.record is not None:  # no id, or a duplicate: as if it had a unique one
            named = own is None and bool(record.message_id)
            own = _Container()
            everything.append(own)
            if named:
                containers[record.message_id] = own
            else:
                unnamed.append(own)
        own.record = record
        parent: _Container | None = None
        for name in record.references:
            child = containers.get(name)
            if child is None:
                child = containers[name] = _Container()
                everything.append(child)
            if parent is not None and child.parent is None:
                _attach(child, parent)
            parent = child
        if parent is not own.parent:
            _detach(own)
            if parent is not None:
                _attach(own, parent)
    return [container for container in everything if container.parent is None]


def _attach(child: _Container, parent: _Container) -> None:
    """Make a link unless it would close a loop. Who has no children can close none, except with itself: the usual case,
    which keeps long threads cheap."""
    above: _Container | None = parent if child.children or child is parent else None
    while above is not None:
        if above is child:
            return
        above = above.parent
    child.parent = parent
    parent.children.append(child)


def _detach(child: _Container) -> None:
    if child.parent is not None:
        child.parent.children.remove(child)
        child.parent = None


def _prune(roots: list[_Container]) -> list[_Container]:
    """Step 3: drop containers without message and children; put the children of empty ones in their place, except
    that an empty root keeps several."""
    order: list[_Container] = []
    stack = list(roots)
    while stack:
        container = stack.pop()
        order.append(container)
        stack.extend(container.children)
    for container in reversed(order):  # children before parents
        kept: list[_Container] = []
        for child in container.children:
            if child.record is not None:
                kept.append(child)
            else:
                kept.extend(child.children)
        container.children = kept
    remaining: list[_Container] = []
    for root in roots:
        if root.record is not None or len(root.children) > 1:
            remaining.append(root)
        else:
            remaining.extend(root.children)
    return remaining


def _first_record(container: _Container) -> ThreadRecord:
    """The message that stands for a container: its own or its first child's."""
    record = container.record or container.children[0].record
    assert record is not None
    return record


def _container_key(container: _Container) -> tuple[int, int]:
    """An empty root sorts as its earliest child."""
    if container.record is not None:
        return _by_date(container.record)
    return min(_container_key(child) for child in container.children)


def _gather_subjects(roots: list[_Container]) -> list[_Container]:
    """Step 5: bring together threads whose first messages have one base subject."""
    for root in roots:
        if root.record is None:
            root.children.sort(key=_container_key)
    table: dict[str, _Container] = {}
    for root in roots:
        subject = _first_record(root).base_subject
        if not subject:
            continue
        held = table.get(subject)
        if held is None or (
            held.record is not None
            and (root.record is None or (held.record.is_reply and not _first_record(root).is_reply))
        ):
            table[subject] = root
    gathered: list[_Container] = []
    replaced: dict[int, _Container] = {}
    for root in roots:
        subject = _first_record(root).base_subject
        held = table.get(subject) if subject else None
        if held is None or held is root:
            gathered.append(root)
            continue
        held = replaced.get(id(held), held)
        merged = _merge(held, root)
        if merged is not held:
            replaced[id(table[subject])] = merged
    final: list[_Container] = []
    for root in gathered:
        final.append(replaced.get(id(root), root))
    return final


def _merge(held: _Container, root: _Container) -> _Container:
    """Join a thread to the one held for its subject (step 5 C); returns the container that stands for both."""
    if held.record is None:
        if root.record is None:
            held.children.extend(root.children)
        else:
            held.children.append(root)
        return held
    if root.record is not None and root.record.is_reply and not held.record.is_reply:
        held.children.append(root)
        return held
    if root.record is None:
        root.children.append(held)
        return root
    return _Container(children=[held, root])


def _sort_all(roots: list[_Container]) -> None:
    """Step 6: siblings by date, at every level; children first, since an empty container sorts as its first child."""
    order: list[_Container] = []
    stack = list(roots)
    while stack:
        container = stack.pop()
        order.append(container)
        stack.extend(container.children)
    for container in reversed(order):
        container.children.sort(key=_container_key)
    roots.sort(key=_container_key)


def _nodes(roots: list[_Container]) -> list[ThreadNode]:
    """The finished forest, without recursion: hostile threads are deep."""
    result: list[ThreadNode] = []
    stack: list[tuple[_Container, list[ThreadNode]]] = [(root, result) for root in reversed(roots)]
    while stack:
        container, siblings = stack.pop()
        node = ThreadNode(container.record.id if container.record is not None else None)
        siblings.append(node)
        stack.extend((child, node.children) for child in reversed(container.children))
    return result
