"""Makes what judges the passwords of a source, by its kind."""

from __future__ import annotations

from posthouse.directory import sources_process
from posthouse.directory.ldap_source import LdapSource
from posthouse.directory.passwords import Passwords
from posthouse.directory.query_source import QuerySource
from posthouse.directory.sources_check import Backend
from posthouse.directory.sources_config import SourceConfig


def backend_of(config: SourceConfig, passwords: Passwords) -> Backend:
    """The backend; ``close_backend`` it. Raises what a missing driver raises."""
    if config.kind == "ldap":
        return LdapSource(config)
    if config.kind == "sql":
        return QuerySource(config, passwords)
    return sources_process.pam(config) if config.kind == "pam" else sources_process.script(config)


def close_backend(backend: Backend) -> None:
    """Give back what it holds."""
    if isinstance(backend, QuerySource):
        backend.close()
