"""In each worker: the stored certificates become files, and the files become what TLS shows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from posthouse.cluster.contract import Feed
from posthouse.cluster.following import follow
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.versions import version
from posthouse.manage import certificate_records as records
from posthouse.manage.certificate_rows import TOPIC, Row, live
from posthouse.net.acme.contract import TLS_ALPN
from posthouse.net.acme.tls_alpn import challenge_certificate
from posthouse.observe.log import logger
from posthouse.settings import certificates as settings_certificates
from posthouse.settings.config import Certificate
from posthouse.settings.contract import CurrentSettings

log = logger("certificates")

POLL_SECONDS = 2.0
"""A change is noticed after this time even when its notice was lost; so is one made on another node."""


class Contexts(Protocol):
    """What TLS offers to the keeper; see ``net.tls.ServerContexts``."""

    def keep(self, certificates: Sequence[Certificate], default_host: str = "") -> dict[str, str]:
        """Serve exactly these besides the configured ones; what cannot be loaded, and why, by chain."""

    def show_challenges(self, proofs: Mapping[str, bytes]) -> None:
        """Show exactly these proofs for TLS-ALPN-01, by host name."""


class CertificateKeeper:
    """``folder`` is the private folder for the files, ``hostname`` the server's own name. ``complaints`` says what
    is wrong with stored certificates that cannot be used, by id."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        contexts: Contexts,
        folder: Path,
        hostname: str,
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._folder = folder
        self._hostname = hostname
        self._known: tuple[int, str] | None = None
        self._proofs: dict[str, str] = {}
        self.contexts = contexts
        self.complaints: dict[int, str] = {}

    async def load(self) -> None:
        """Take over what is stored, if anything changed. Raises DatabaseUnavailable."""
        default_host = self._settings.now[settings_certificates.DEFAULT_HOST] or self._hostname
        now = await self._database.read(version, TOPIC)
        if (now, default_host) == self._known:
            return
        rows, proofs = await self._database.scan(_load)
        self._take(rows, default_host)
        self._show(proofs)
        self._known = (now, default_host)

    async def run(self) -> None:
        """Follow changes until cancelled."""
        await follow(self._feed, TOPIC, self.load, _unreadable, POLL_SECONDS)

    # ------------------------------------------------------------------ inside

    def _take(self, rows: Sequence[Row], default_host: str) -> None:
        """Given certificates come before ordered ones, newer before older."""
        usable = sorted((row for row in rows if row.chain), key=lambda row: (row.kind != "given", -row.id))
        complaints: dict[int, str] = {}
        wanted = []
        for row in usable:
            try:
                path = self._write(row)
            except OSError as error:
                complaints[row.id] = f"it cannot be written to {self._folder} ({error.strerror})"
                continue
            wanted.append((row, Certificate(chain=str(path), key=str(path), hosts=row.names)))
        refused = self.contexts.keep([certificate for _, certificate in wanted], default_host)
        for row, certificate in wanted:
            if certificate.chain in refused:
                complaints[row.id] = "its chain or its key is damaged"
                log.warning("certificate.refused", certificate=row.id, reason=refused[certificate.chain])
        for row_id, complaint in complaints.items():
            if self.complaints.get(row_id) != complaint:
                log.error("certificate.unusable", certificate=row_id, reason=complaint)
        self.complaints = complaints
        self._tidy({row.id for row in usable})

    def _write(self, row: Row) -> Path:
        """Key and chain in one file that only we can read, replaced as a whole. Raises OSError."""
        path = self._folder / f"{row.id}.pem"
        content = (row.secret_key.rstrip("\n") + "\n" + row.chain).encode()
        try:
            if path.read_bytes() == content:
                return path
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return path

    def _tidy(self, wanted: set[int]) -> None:
        """Files of certificates that are gone hold keys that nobody needs any more."""
        try:
            for path in self._folder.glob("*.pem"):
                if not path.stem.isdecimal() or int(path.stem) not in wanted:
                    path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("certificates.untidy", reason=str(error))

    def _show(self, proofs: dict[str, str]) -> None:
        if proofs == self._proofs:
            return
        try:
            made = {host: challenge_certificate(host, answer) for host, answer in proofs.items()}
            self.contexts.show_challenges(made)
        except OSError as error:
            log.warning("certificates.proof_not_shown", reason=str(error))
        else:
            self._proofs = proofs


def _unreadable(problem: DatabaseUnavailable) -> None:
    log.warning("certificates.unreadable", reason=str(problem))


def _load(tx: Transaction) -> tuple[list[Row], dict[str, str]]:
    proofs = tx.execute(records.SELECT_PROOFS, {"of_kind": TLS_ALPN})
    return live(tx), {str(host): str(answer) for host, answer in proofs}
