"""The wish that a process ends, from signals or from the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stop:
    """``wanted``: finish and end. ``hurry``: asked a second time, wait for nobody. ``failed``: we stop
    because something of ours broke."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    failed: bool = False

    def ask(self) -> None:
        """Somebody wants us to stop."""
        if self.wanted.is_set():
            self.hurry.set()
        self.wanted.set()

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGTERM, and SIGINT unless it is ignored, ask us to stop."""
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGTERM]
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            numbers.append(signal.SIGINT)
        before = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            try:
                loop.add_signal_handler(number, self.ask)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.ask))
        try:
            yield
        finally:
            for number in numbers:
                with contextlib.suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
                signal.signal(number, before[number])
