"""``app.settings``: hMailServer's tree of settings, as far as there is a counterpart."""

from __future__ import annotations

from posthouse.client.certificates import SSLCertificates
from posthouse.client.listeners import TCPIPPorts
from posthouse.client.logs import Logging
from posthouse.client.routes import Routes
from posthouse.client.setting_values import Named, Values


def _kilobytes(number: int) -> int:
    return -(-number // 1024)


class MessageIndexing(Values):
    """The full-text index."""

    enabled = Named("search.index", bool)


class BackupSettings(Values):
    """Where backups go; when and how long they are kept is in the settings ``backup.…``."""

    destination = Named("backup.place", str)


class Settings(Values):
    """``app.settings``. Names of hMailServer stand for our settings, in hMailServer's units; every setting can be
    reached by its own name too."""

    host_name = Named("server.hostname", str)
    max_message_size = Named("smtp.max_message_size", _kilobytes, lambda kilobytes: kilobytes * 1024)
    max_number_of_invalid_commands = Named("smtp.max_errors", int)
    allow_incorrect_line_endings = Named(
        "smtp.bare_newlines",
        lambda value: bool(value == "normalise"),
        lambda allowed: "normalise" if allowed else "refuse",
    )
    tls_version12_enabled = Named(
        "tls.minimum_version", lambda value: bool(value == "1.2"), lambda on: "1.2" if on else "1.3"
    )

    smtp_delivery_bind_to_ip = Named("route.source", str)

    @property
    def routes(self) -> Routes:
        """The routes; the smart host is the one for ``*``."""
        return Routes(self._calls)

    @property
    def tcp_ip_ports(self) -> TCPIPPorts:
        """The listeners."""
        return TCPIPPorts(self._calls)

    @property
    def ssl_certificates(self) -> SSLCertificates:
        """The certificates."""
        return SSLCertificates(self._calls)

    @property
    def logging(self) -> Logging:
        """What is logged, and the log itself."""
        return Logging(self._calls)

    @property
    def message_indexing(self) -> MessageIndexing:
        """The full-text index."""
        return MessageIndexing(self._calls)

    @property
    def backup(self) -> BackupSettings:
        """Where backups go."""
        return BackupSettings(self._calls)
