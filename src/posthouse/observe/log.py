"""Log lines: an event word and fields, through structlog; ``lines`` renders them, ``logging_setup`` says where to.

Field names in use: ``trace``, ``session``, ``peer``, ``login``, ``account``, ``protocol``, ``mailbox``,
``reason``. Passwords, SASL responses and message content are never logged.
"""

from __future__ import annotations

from typing import Any

import structlog


def logger(name: str) -> Any:
    """The logger of one part, e.g. ``logger("receive.smtp")``; call ``log.info("message.accepted",
    trace=…)``."""
    return structlog.stdlib.get_logger(name)
