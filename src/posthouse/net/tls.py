"""Server TLS contexts: one certificate per host name by SNI, and files followed as they change."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.net.certificates import SelfMade, fingerprint, names_in
from posthouse.net.tls_challenges import TlsChallenges
from posthouse.net.tls_info import remember_server_name
from posthouse.observe.log import logger
from posthouse.settings.config import Certificate

log = logger("net.tls")

LOOK_SECONDS = 2.0
"""Certificate files are looked at when a handshake begins, at most this often."""

RENEWAL_SECONDS = 3600.0
"""How often the age of the self-made certificate is looked at."""

# TLS 1.2 with forward secrecy and AEAD only; TLS 1.3's suites are OpenSSL's own and all good.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(slots=True, eq=False)
class _Loaded:
    """One certificate: its files, the host names it answers to, and the context made of it."""

    chain: Path
    key: Path
    wanted_hosts: tuple[str, ...]
    context: ssl.SSLContext
    hosts: tuple[str, ...]
    fingerprint: str
    stamp: tuple[float, ...]
    complaint: str = ""
    """Why the files as they are now could not be loaded, as it was logged."""
    asking: ssl.SSLContext | None = None
    """The same for handshakes in which the client is asked for its certificate."""


class ServerContexts:
    """The TLS side of all listeners (a ``TlsContexts``).

    ``certificates`` are those of the configuration file, in order: they come first for their host names, and the
    first of them is the default. Behind them come those that :meth:`keep` was given, then ``self_made`` (only made
    where nothing is configured). Raises OSError or ssl.SSLError when a configured file cannot be used at start;
    later a bad file is logged and the old certificate stays. ``client_ca`` is a file of authorities whose client
    certificates are good (and of such certificates).
    """

    def __init__(
        self,
        certificates: Sequence[Certificate],
        self_made: SelfMade,
        *,
        minimum_version: str = "1.2",
        clock: Callable[[], float] = time.monotonic,
        client_ca: Path | None = None,
    ) -> None:
        self._client_ca = client_ca
        self._minimum = ssl.TLSVersion.TLSv1_3 if minimum_version == "1.3" else ssl.TLSVersion.TLSv1_2
        self._clock = clock
        self._self_made = self_made
        self._challenges = TlsChallenges(self_made.path.parent)
        self._configured = [self._load(Path(c.chain), Path(c.key), c.hosts) for c in certificates]
        self._kept: list[_Loaded] = []
        self._own: list[_Loaded] = []
        if not self._configured:
            path = self_made.ensure()
            self._own.append(self._load(path, path, ()))
        self._default_host = ""
        self._by_host: dict[str, _Loaded] = {}
        self._default = self._all[0]
        self._index()
        self._looked = self._renewal_looked = clock()

    def keep(self, certificates: Sequence[Certificate], default_host: str = "") -> dict[str, str]:
        """Serve exactly these certificates besides the configured ones; sessions that are open stay as they are.

        Where nothing is configured, the one for ``default_host``, else the first, is shown to clients that ask for
        no name or an unknown one. What cannot be loaded is left out; returns why, by the path of its chain.
        """
        known = {loaded.chain: loaded for loaded in self._kept}
        kept, complaints = [], {}
        for certificate in certificates:
            chain, key = Path(certificate.chain), Path(certificate.key)
            try:
                old = known.get(chain)
                same = old is not None and old.stamp == _stamp(chain, key)
                if old is not None and same and old.wanted_hosts == certificate.hosts:
                    kept.append(old)
                else:
                    kept.append(self._load(chain, key, certificate.hosts))
            except (OSError, ValueError) as error:
                complaints[certificate.chain] = str(error)
        self._kept = kept
        self._default_host = default_host
        self._index()
        return complaints

    def show_challenges(self, proofs: Mapping[str, bytes]) -> None:
        """Show exactly these proofs (key and certificate in PEM, by host name) to authorities that check a name
        by TLS-ALPN-01. Raises OSError."""
        self._challenges.show(proofs)

    def challenge(self, name: str) -> ssl.SSLContext | None:
        """The context for an authority that checks this host name by TLS-ALPN-01, if a proof is shown for it."""
        return self._challenges.context_for(name)

    @property
    def fingerprint(self) -> str:
        """The default certificate's SHA-256 fingerprint."""
        return self._default.fingerprint

    @property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 fingerprints of all certificates by the host names they answer to."""
        found: dict[str, str] = {}
        for loaded in self._all:
            for host in loaded.hosts:
                found.setdefault(host, loaded.fingerprint)
        return found

    @property
    def self_made(self) -> bool:
        """Whether the default certificate is the one the server made itself."""
        return self._default in self._own

    @property
    def chains(self) -> dict[str, Path]:
        """The file of each host name's certificate."""
        found: dict[str, Path] = {}
        for loaded in self._all:
            for host in loaded.hosts:
                found.setdefault(host, loaded.chain)
        return found

    def answer_to(self, host: str) -> None:
        """Let the self-made certificate be for this host name, too; the new one is noticed as any changed file.
        Raises OSError."""
        if self._self_made.answer_to(host) and self._own:
            self._self_made.ensure()

    def files_for(self, name: str) -> tuple[Path, Path]:
        """The files of chain and key of the certificate that answers to this host name."""
        loaded = self._for_host(name)
        return loaded.chain, loaded.key

    def server(self) -> ssl.SSLContext:
        """The context for a new handshake."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._follow(now)
        return self._default.context

    def server_asking(self) -> ssl.SSLContext:
        """As :meth:`server`, asking the client for a certificate where there are authorities to verify it."""
        context = self.server()
        return self._default.asking or context

    def for_host(self, name: str) -> ssl.SSLContext:
        """The context whose certificate answers to this host name, exactly or by its wildcard; else the
        default."""
        return self._for_host(name).context

    def fingerprint_for(self, name: str) -> str:
        """The fingerprint of what :meth:`for_host` chooses."""
        return self._for_host(name).fingerprint

    # ------------------------------------------------------------------ inside

    @property
    def _all(self) -> list[_Loaded]:
        return [*self._configured, *self._kept, *self._own]

    def _for_host(self, name: str) -> _Loaded:
        name = name.lower().rstrip(".")
        exact = self._by_host.get(name)
        if exact is not None:
            return exact
        _, _, parent = name.partition(".")
        return self._by_host.get("*." + parent, self._default)

    def _follow(self, now: float) -> None:
        """Load again what changed."""
        if self._own and now - self._renewal_looked >= RENEWAL_SECONDS:
            self._renewal_looked = now
            try:
                self._self_made.ensure()
            except OSError as error:
                log.warning("tls.renewal_failed", reason=str(error))
        changed = [self._follow_one(each) for each in (self._configured, self._kept, self._own)]
        if any(changed):
            self._index()

    def _follow_one(self, certificates: list[_Loaded]) -> bool:
        changed = False
        for place, loaded in enumerate(certificates):
            try:
                if _stamp(loaded.chain, loaded.key) == loaded.stamp:
                    continue
                fresh = self._load(loaded.chain, loaded.key, loaded.wanted_hosts)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                if str(error) != loaded.complaint:
                    loaded.complaint = str(error)
                    log.warning("tls.certificate_kept", file=str(loaded.chain), reason=str(error))
                continue
            certificates[place] = fresh
            changed = True
            log.info("tls.certificate_loaded", file=str(fresh.chain), fingerprint=fresh.fingerprint)
        return changed

    def _index(self) -> None:
        by_host: dict[str, _Loaded] = {}
        for loaded in self._all:
            for host in loaded.hosts:
                by_host.setdefault(host.lower().rstrip("."), loaded)
        self._by_host = by_host
        self._default = self._all[0]
        if not self._configured and self._kept:
            chosen = self._for_host(self._default_host) if self._default_host else self._default
            self._default = chosen if chosen in self._kept else self._kept[0]

    def _load(self, chain: Path, key: Path, hosts: tuple[str, ...]) -> _Loaded:
        stamp = _stamp(chain, key)
        pem = chain.read_bytes()
        key.read_bytes()  # ssl's own error would not name the file that may not be read
        context = self._context(chain, key)
        asking = None
        if self._client_ca is not None:
            asking = self._context(chain, key)
            asking.verify_mode = ssl.CERT_OPTIONAL
        return _Loaded(
            chain, key, hosts, context, hosts or tuple(names_in(pem)), fingerprint(pem), stamp, asking=asking
        )

    def _context(self, chain: Path, key: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # An empty password callback: a key that wants one is an error, not a prompt on the terminal.
        try:
            context.load_cert_chain(chain, key, password=lambda: b"")
        except ssl.SSLError as error:
            problem = f"{chain} and {key} are not a certificate and its key without a passphrase"
            raise ssl.SSLError(f"{problem} ({error.reason or error})") from error
        context.sni_callback = self._choose
        if self._client_ca is not None:
            # A certificate that is in the file itself is good without its authority.
            context.load_verify_locations(self._client_ca)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> int | None:
        """SNI: switch to the certificate of the host asked for. An unknown name gets the default one (RFC
        6066 3 leaves that open; mail clients connect under many names)."""
        if name:
            remember_server_name(connection, name)
            loaded = self._for_host(name)
            wanted = (loaded.asking if context.verify_mode else None) or loaded.context
            if wanted is not context:
                connection.context = wanted
        return None


def unusable_authorities(path: Path) -> str:
    """Why a file of authorities cannot be used, "" where it can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


class AskingContexts:
    """The same contexts for doors at which people may sign in with a certificate (a ``TlsContexts``)."""

    def __init__(self, contexts: ServerContexts) -> None:
        self._contexts = contexts

    def server(self) -> ssl.SSLContext:
        """The context for a new handshake."""
        return self._contexts.server_asking()


def _stamp(*paths: Path) -> tuple[float, ...]:
    stamp: list[float] = []
    for path in paths:
        status = os.stat(path)
        stamp += (status.st_mtime_ns, status.st_size, status.st_ino)
    return tuple(stamp)
