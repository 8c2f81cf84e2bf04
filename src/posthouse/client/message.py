"""A message to be sent, as ``app.message()``."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from pathlib import Path

from posthouse.client import generated as api
from posthouse.client.edit import Once


class Attachment:
    """A file that goes along."""

    def __init__(self, owner: Attachments, filename: str, content: bytes, kind: str) -> None:
        self._owner = owner
        self.filename = filename
        self.content = content
        self.type = kind

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)

    def save_as(self, path: str | Path) -> None:
        """Write its content to a file on this machine."""
        Path(path).write_bytes(self.content)

    def delete(self) -> None:
        """Let it not go along."""
        self._owner._items.remove(self)


class Attachments:
    """The files that go along."""

    def __init__(self) -> None:
        self._items: list[Attachment] = []

    def __iter__(self) -> Iterator[Attachment]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Attachment:
        return self._items[index]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self)

    @property
    def item(self) -> Attachments:
        """For ``item[0]``."""
        return self

    def add(self, path: str | Path) -> Attachment:
        """A file on this machine; it is read now."""
        file = Path(path)
        return self.add_content(file.name, file.read_bytes())

    def add_content(self, filename: str, content: bytes, kind: str = "") -> Attachment:
        """Bytes under a file name. The media type is guessed from the name if it is not given."""
        guessed = kind or mimetypes.guess_type(filename)[0] or "application/octet-stream"
        attachment = Attachment(self, filename, content, guessed)
        self._items.append(attachment)
        return attachment

    def clear(self) -> None:
        """Let none go along."""
        self._items.clear()


class Message:
    """A message. ``save()`` sends it, as in hMailServer. Set ``from_address`` (else it is the token's own account),
    ``from_name``, ``subject``, ``body`` and ``html_body`` (either or both); ``headers`` are further header fields."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls
        self._recipients: list[str] = []
        self._cc: list[str] = []
        self._bcc: list[str] = []
        self._once = Once()
        self.from_address = ""
        self.from_name = ""
        self.reply_to = ""
        self.subject = ""
        self.body = ""
        self.html_body = ""
        self.headers: dict[str, str] = {}
        self.attachments = Attachments()
        self.sent: api.Sent | None = None
        """What the server answered: the trace id, and each recipient with whether it was accepted."""

    def add_recipient(self, name: str, address: str) -> None:
        """Somebody in To. ``name`` may be ""."""
        self._recipients.append(_named(name, address))

    def add_cc(self, name: str, address: str) -> None:
        """Somebody in Cc."""
        self._cc.append(_named(name, address))

    def add_bcc(self, address: str) -> None:
        """Somebody whom the message does not name."""
        self._bcc.append(address)

    def clear_recipients(self) -> None:
        """Nobody, for now."""
        for group in (self._recipients, self._cc, self._bcc):
            group.clear()

    @property
    def to(self) -> str:
        """Those in To."""
        return ", ".join(self._recipients)

    @property
    def cc(self) -> str:
        """Those in Cc."""
        return ", ".join(self._cc)

    @property
    def recipients(self) -> list[str]:
        """All who get it."""
        return [*self._recipients, *self._cc, *self._bcc]

    @property
    def refused(self) -> list[api.SentTo]:
        """Recipients that were not accepted, with the reason; empty before it is sent."""
        return [each for each in self.sent.recipients if not each.accepted] if self.sent is not None else []

    def save(self) -> None:
        """Send it. If at least one recipient is accepted that is a success: see ``refused`` for the others. Raises
        Invalid when nobody is. A second call after ConnectionLost does not send it twice."""
        if self.sent is not None:
            raise ValueError("This message is sent. Make another one.")
        address = self.from_address or self._calls.me_show().address
        self.sent = self._once.run(lambda key: self._send(_named(self.from_name, address), key))

    def _send(self, sender: str, key: str) -> api.Sent:
        return self._calls.message_send(
            sender=sender,
            to=self._recipients,
            cc=self._cc,
            bcc=self._bcc,
            reply_to=self.reply_to,
            subject=self.subject,
            text=self.body,
            html=self.html_body,
            attachments=[
                api.Attachment(name=each.filename, content=each.content, type=each.type)
                for each in self.attachments
            ],
            headers=self.headers,
            idempotency_key=key,
        )


def _named(name: str, address: str) -> str:
    """``Anna <anna@example.org>``. The server encodes what is not ASCII."""
    clean = name.replace('"', "'").replace("<", "(").replace(">", ")").strip()
    return f'"{clean}" <{address}>' if clean else address
