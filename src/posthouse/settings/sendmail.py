"""Settings of mail from local programs (``posthouse sendmail``)."""

from __future__ import annotations

from posthouse.settings.contract import Setting

WHO = Setting(
    "sendmail.who",
    "everybody",
    "Who may hand in mail with posthouse sendmail. Root and the server's own user may use any sender; everybody else "
    "sends as USER@DOMAIN only. owner: only root and the server's own user; nobody: what is handed in is set aside.",
    choices=("everybody", "owner", "nobody"),
)

DOMAIN = Setting(
    "sendmail.domain",
    "",
    "The domain of local users' addresses. Empty: the server's host name.",
)

INTERVAL = Setting(
    "sendmail.interval",
    3.0,
    "How often the maildrop folder is looked into.",
    unit="seconds",
    minimum=0.2,
    maximum=3600,
)
