"""Things that are looked at, changed and saved without overwriting what others have changed meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from posthouse.client.errors import ApiError, Conflict, NotFound
from posthouse.client.link import Tagged

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

UNSAVED = "It is not on the server yet: save() it first."


class Once:
    """The Idempotency-Key of one thing that is made: after a lost answer the same call does not make it twice. A call
    that was declined is over; the next one is another."""

    def __init__(self) -> None:
        self._key = str(uuid.uuid4())

    def run(self, call: Callable[[str], T]) -> T:
        """Make it. Raises what the call raises."""
        try:
            return call(self._key)
        except ApiError:
            self._key = str(uuid.uuid4())
            raise


class Edited(Generic[S]):
    """A thing on the server, or one that is still to be added.

    ``_seen`` is the version that the caller knows (None: not added yet), ``_wanted`` what they set since. Every change
    carries the ETag of a version that equals ``_seen``; if there is none any more, :class:`Conflict` is raised.
    """

    _compared: tuple[str, ...]
    """The fields of S that people edit; the others move by themselves."""

    def __init__(self, seen: S | None) -> None:
        self._seen = seen
        self._etag = ""
        self._wanted: dict[str, Any] = {}
        self._once = Once()

    def _look(self) -> Tagged[S]:
        """The thing as it is on the server now."""
        raise TypeError(f"{type(self).__name__} cannot be looked at")

    @property
    def saved(self) -> bool:
        """Whether it is on the server, and nothing is set here that is not there."""
        return self._seen is not None and not self._wanted

    def refresh(self) -> None:
        """Take the server's version, and drop what was set here and not saved. Raises NotFound."""
        self._known()
        self._take(self._look())
        self._wanted.clear()

    def _known(self) -> S:
        if self._seen is None:
            raise ValueError(UNSAVED)
        return self._seen

    def _value(self, name: str, otherwise: Any = None) -> Any:
        """What was set here, else what the server said, else ``otherwise`` for a new thing."""
        if name in self._wanted:
            return self._wanted[name]
        return otherwise if self._seen is None else getattr(self._seen, name)

    def _set(self, name: str, value: Any) -> None:
        """Note what is wanted; what the server has already needs no change."""
        if self._seen is not None and getattr(self._seen, name, None) == value:
            self._wanted.pop(name, None)
        else:
            self._wanted[name] = value

    def _take(self, found: Tagged[S]) -> None:
        self._seen, self._etag = found.value, found.etag

    def _change(self, name: str, put: Callable[[str], S]) -> None:
        """Carry one change out. After a lost answer, finding the wanted value there is finding it done."""
        try:
            self._seen = put(self._version())
            self._etag = ""
        except Conflict as error:
            current = self._look()
            done = error.repeated and getattr(current.value, name, None) == self._wanted.get(name)
            if not done:
                raise self._conflict(error, current.value) from None
            self._take(current)
        self._wanted.pop(name, None)

    def _remove(self, remove: Callable[[str], object]) -> None:
        try:
            remove(self._version())
        except Conflict as error:
            raise self._conflict(error, self._look().value) from None
        except NotFound as error:
            if not error.repeated:  # else our first request removed it
                raise
        self._seen, self._etag = None, ""

    def _version(self) -> str:
        """The ETag of the version that is known here."""
        if not self._etag:
            found = self._look()
            if self._parts(found.value) != self._parts(self._known()):
                told = Conflict(
                    412, "Somebody changed this meanwhile; nothing was done.", "Look at it again: refresh()."
                )
                raise self._conflict(told, found.value)
            self._take(found)
        return self._etag

    def _parts(self, value: S) -> tuple[Any, ...]:
        return tuple(getattr(value, name) for name in self._compared)

    def _conflict(self, error: Conflict, current: S) -> Conflict:
        error.seen, error.current, error.wanted = self._seen, current, dict(self._wanted)
        return error
