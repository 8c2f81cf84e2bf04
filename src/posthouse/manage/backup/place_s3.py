"""Backups in an object store that speaks S3, through obstore (extra ``s3``)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from posthouse.manage.backup.place import NAME, PIECE, PlaceError, checked

_KINDS = (
    ("kind: Connect", "the store cannot be reached"),
    ("kind: Timeout", "the store does not answer in time"),
)
_STATUS = re.compile(r"status code: ([0-9]{3})")

PART = 8 << 20
"""Bytes of one part of a large object; S3 asks for 5 MiB at least."""


class S3Place:
    """``s3://bucket/prefix``. An object is there once its last part was confirmed, and then it is durable."""

    def __init__(self, where: str, *, endpoint: str, region: str, key_id: str, secret_key: str) -> None:
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError:
            raise PlaceError(
                "Backups to S3 need the extra s3.", "pip install 'posthouse[s3]', then restart the server."
            ) from None
        bucket, _, prefix = where.removeprefix("s3://").partition("/")
        if not bucket:
            raise PlaceError(f"{where} names no bucket.", "Write it as s3://bucket/prefix.", unset=True)
        self._where = where
        self._library = obstore
        client: Any = {"timeout": "120s", "connect_timeout": "20s"}
        if endpoint.startswith("http://"):
            client["allow_http"] = True
        options: dict[str, Any] = {"region": region or "us-east-1"}
        if endpoint:
            options |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        if key_id:
            options |= {"access_key_id": key_id, "secret_access_key": secret_key}
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix.strip("/") or None,
                client_options=client,
                **options,
            )
        except Exception as error:
            raise self._trouble(error) from error

    def put(self, name: str, content: Iterable[bytes]) -> int:
        counted = _Counted(content)
        failed: list[BaseException] = []

        def source() -> Iterator[bytes]:
            # An error of ours passes through the library as one of its own: keep the original.
            try:
                yield from counted
            except BaseException as error:
                failed.append(error)
                raise

        try:
            parts = source()
            begun = _beginning(parts)
            if len(begun) <= PART:  # (one request instead of the three of a large object)
                self._library.put(self._store, checked(name), begun, use_multipart=False)
            else:
                self._library.put(
                    self._store,
                    checked(name),
                    itertools.chain([begun], parts),
                    chunk_size=PART,
                    max_concurrency=2,
                )
        except Exception as error:
            if failed:
                raise failed[0] from None
            raise self._trouble(error) from error
        return counted.size

    def get(self, name: str) -> Iterator[bytes]:
        try:
            for piece in self._library.get(self._store, checked(name)).stream(min_chunk_size=PIECE):
                yield bytes(piece)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise self._trouble(error) from error

    def size(self, name: str) -> int | None:
        try:
            return int(self._library.head(self._store, checked(name))["size"])
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._trouble(error) from error

    def names(self, folder: str) -> Iterator[tuple[str, int]]:
        try:
            for page in self._library.list(self._store, prefix=folder, chunk_size=1000):
                for entry in page:
                    if NAME.fullmatch(entry["path"]):
                        yield entry["path"], int(entry["size"])
        except Exception as error:
            raise self._trouble(error) from error

    def delete(self, name: str) -> None:
        try:
            self._library.delete(self._store, checked(name))
        except FileNotFoundError:
            pass
        except Exception as error:
            raise self._trouble(error) from error

    def settle(self) -> None:
        """Nothing to do: what the store confirmed is durable."""

    def _trouble(self, error: Exception) -> PlaceError:
        return PlaceError(
            f"The backup place {self._where} cannot be used: {_words(error)}.",
            "Check backup.place and the backup.s3_* settings.",
        )


def _words(error: Exception) -> str:
    """What the library means, without the address it asked and how often: the point stands at the end there."""
    text = str(error) or type(error).__name__
    status = _STATUS.search(text)
    if status and status[1] in ("401", "403"):
        return f"the store declines the access key, or does not let it do this ({status[1]})"
    if status:
        return f"the store answers {status[1]}"
    for mark, words in _KINDS:
        if mark in text:
            return words
    return text.splitlines()[0].rpartition(" - ")[2][-200:].rstrip(".")


def _beginning(parts: Iterator[bytes]) -> bytes:
    """All of a small object; of a large one, a little more than a part."""
    begun = bytearray()
    for part in parts:
        begun += part
        if len(begun) > PART:
            break
    return bytes(begun)


class _Counted:
    """An iterable that remembers how many bytes went through it."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = content
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._content:
            self.size += len(piece)
            yield piece
