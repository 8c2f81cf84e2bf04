"""What somebody may send: the exception made for them, else the setting."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.directory.sending import Limits
from posthouse.settings import sending_limits as settings_limits
from posthouse.settings.contract import Setting, Settings


@dataclass(frozen=True, slots=True)
class Allowed:
    """The most in an hour and within 24 hours; 0: no limit."""

    messages_hour: int = 0
    recipients_hour: int = 0
    messages_day: int = 0
    recipients_day: int = 0

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self != _NONE


_NONE = Allowed()
_Settings = tuple[Setting[int], Setting[int], Setting[int], Setting[int]]

_ACCOUNT: _Settings = (
    settings_limits.ACCOUNT_MESSAGES_HOUR,
    settings_limits.ACCOUNT_RECIPIENTS_HOUR,
    settings_limits.ACCOUNT_MESSAGES_DAY,
    settings_limits.ACCOUNT_RECIPIENTS_DAY,
)
_DOMAIN: _Settings = (
    settings_limits.DOMAIN_MESSAGES_HOUR,
    settings_limits.DOMAIN_RECIPIENTS_HOUR,
    settings_limits.DOMAIN_MESSAGES_DAY,
    settings_limits.DOMAIN_RECIPIENTS_DAY,
)
_ADDRESS: _Settings = (
    settings_limits.ADDRESS_MESSAGES_HOUR,
    settings_limits.ADDRESS_RECIPIENTS_HOUR,
    settings_limits.ADDRESS_MESSAGES_DAY,
    settings_limits.ADDRESS_RECIPIENTS_DAY,
)
_PLAIN = Limits()


def of_account(settings: Settings, own: Limits) -> Allowed:
    """What an account may send."""
    return _allowed(settings, _ACCOUNT, own)


def of_domain(settings: Settings, own: Limits) -> Allowed:
    """What all accounts of a domain may send together."""
    return _allowed(settings, _DOMAIN, own)


def of_stranger(settings: Settings) -> Allowed:
    """What one address of a stranger may send."""
    return _allowed(settings, _ADDRESS, _PLAIN)


def _allowed(settings: Settings, declared: _Settings, own: Limits) -> Allowed:
    exceptions = (own.messages_hour, own.recipients_hour, own.messages_day, own.recipients_day)
    chosen = (
        settings[setting] if exception is None else exception
        for setting, exception in zip(declared, exceptions, strict=True)
    )
    return Allowed(*chosen)
