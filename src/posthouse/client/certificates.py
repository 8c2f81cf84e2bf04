"""Certificates, as ``app.settings.ssl_certificates``."""

from __future__ import annotations

from pathlib import Path

from posthouse.client import generated as api
from posthouse.client.collection import Collection, ItemBy, Page
from posthouse.client.edit import UNSAVED


class SSLCertificate:
    """A certificate. For a new one give the PEM files on *this* machine: their content is sent."""

    def __init__(self, calls: api.Calls, seen: api.CertificateView | None = None) -> None:
        self._calls = calls
        self._seen = seen
        self._added: list[SSLCertificates] = []
        self.certificate_file: str | Path = ""
        self.private_key_file: str | Path = ""
        self.probation = 0

    def __repr__(self) -> str:
        return f"<SSLCertificate {self.name or '(new)'}>"

    @property
    def name(self) -> str:
        """Its name, given by the server; "" for a new one."""
        return self._seen.name if self._seen is not None else ""

    @property
    def about(self) -> api.CertificateView:
        """Its host names, dates, issuer and state."""
        if self._seen is None:
            raise ValueError(UNSAVED)
        return self._seen

    def save(self) -> None:
        """Send the files; the certificate is used from then on, on probation."""
        if self._seen is not None:
            raise ValueError("A certificate cannot be changed; add another one for the same host names.")
        chain = Path(self.certificate_file).read_text(encoding="ascii")
        key = Path(self.private_key_file).read_text(encoding="ascii") if self.private_key_file else ""
        changed = self._calls.certificate_add(chain=chain, key=key)
        self._seen, self.probation = changed.certificate, changed.probation
        for certificates in self._added:
            certificates.refresh()

    def delete(self) -> None:
        """Use it no more."""
        self.probation = self._calls.certificate_remove(self.about.name).probation
        self._seen = None


class SSLCertificates(Collection[SSLCertificate]):
    """The certificates."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls
        super().__init__(self._page)

    def _page(self, after: str) -> Page[SSLCertificate]:
        found = [SSLCertificate(self._calls, each) for each in self._calls.certificate_list().certificates]
        return Page(found, "", len(found))

    @property
    def item_by_name(self) -> ItemBy[SSLCertificate]:
        """One certificate by its name. Raises NotFound."""
        return ItemBy(lambda name: SSLCertificate(self._calls, self._calls.certificate_show(name)))

    def add(self) -> SSLCertificate:
        """A new certificate; ``save()`` sends it."""
        certificate = SSLCertificate(self._calls)
        certificate._added.append(self)
        return certificate
