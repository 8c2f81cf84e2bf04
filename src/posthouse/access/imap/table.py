"""The command table: which command is which module, and in which states it is allowed (RFC 9051 section 6)."""

from __future__ import annotations

from types import ModuleType

from posthouse.access.imap.commands import (
    append,
    authenticate,
    capability,
    check,
    close,
    compress,
    copy,
    create,
    delete,
    deleteacl,
    enable,
    examine,
    expunge,
    fetch,
    getacl,
    getmetadata,
    getquota,
    getquotaroot,
    id,
    idle,
    list,
    listrights,
    login,
    logout,
    lsub,
    move,
    myrights,
    namespace,
    noop,
    rename,
    search,
    select,
    setacl,
    setmetadata,
    setquota,
    sort,
    starttls,
    status,
    store,
    subscribe,
    thread,
    unselect,
    unsubscribe,
)
from posthouse.access.imap.contract import AUTHENTICATED, NOT_AUTHENTICATED, SELECTED, Entry

_ANY = frozenset((NOT_AUTHENTICATED, AUTHENTICATED, SELECTED))
_STRANGER = frozenset((NOT_AUTHENTICATED,))
_SIGNED_IN = frozenset((AUTHENTICATED, SELECTED))
_OPEN = frozenset((SELECTED,))

_ROWS: tuple[tuple[ModuleType, frozenset[str]], ...] = (
    (capability, _ANY),
    (noop, _ANY),
    (logout, _ANY),
    (id, _ANY),
    (starttls, _STRANGER),
    (authenticate, _STRANGER),
    (login, _STRANGER),
    (enable, _SIGNED_IN),
    (compress, _SIGNED_IN),
    (select, _SIGNED_IN),
    (examine, _SIGNED_IN),
    (create, _SIGNED_IN),
    (delete, _SIGNED_IN),
    (rename, _SIGNED_IN),
    (subscribe, _SIGNED_IN),
    (unsubscribe, _SIGNED_IN),
    (list, _SIGNED_IN),
    (lsub, _SIGNED_IN),
    (namespace, _SIGNED_IN),
    (status, _SIGNED_IN),
    (append, _SIGNED_IN),
    (idle, _SIGNED_IN),
    (getquota, _SIGNED_IN),
    (getquotaroot, _SIGNED_IN),
    (setquota, _SIGNED_IN),
    (setacl, _SIGNED_IN),
    (deleteacl, _SIGNED_IN),
    (getacl, _SIGNED_IN),
    (listrights, _SIGNED_IN),
    (myrights, _SIGNED_IN),
    (getmetadata, _SIGNED_IN),
    (setmetadata, _SIGNED_IN),
    (check, _OPEN),
    (close, _OPEN),
    (unselect, _OPEN),
    (expunge, _OPEN),
    (search, _OPEN),
    (sort, _OPEN),
    (thread, _OPEN),
    (fetch, _OPEN),
    (store, _OPEN),
    (copy, _OPEN),
    (move, _OPEN),
)

_BY_NUMBER = frozenset(("FETCH", "STORE", "SEARCH", "SORT", "THREAD"))
"""While these are answered, no EXPUNGE may be told (RFC 9051 7.5.1); their UID forms are free of that."""


def _entry(module: ModuleType, states: frozenset[str]) -> Entry:
    name = module.__name__.rpartition(".")[2].upper()
    return Entry(name, module.run, states, expunges=name not in _BY_NUMBER)


TABLE: dict[str, Entry] = {entry.name: entry for entry in (_entry(*row) for row in _ROWS)}
"""Every command by name (UID forms under the name without UID)."""
