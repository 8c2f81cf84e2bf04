"""DNS-01 by dynamic update (RFC 2136) with TSIG (RFC 8945), and waiting until the zone's servers show the record."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.net.acme.contract import DNS, Proof
from posthouse.net.acme.errors import AcmeError, one_line
from posthouse.net.acme.keys import from_b64url
from posthouse.observe.log import logger

log = logger("net.acme")

QUERY_SECONDS = 5.0
RECORD_SECONDS = 60
"""Time to live of the record."""

KEPT_SECONDS = 3600
"""Time to live of a record that stays."""

LOOK_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds between two looks whether the servers show the record; the last one again and again."""

_CHECK_KEY = "check certificates.dns_key_name, dns_key_secret, and what this key may change there"


@dataclass(frozen=True, slots=True)
class DnsUpdate:
    """Writes TXT records on the zone's primary ``server`` (``ADDRESS`` or ``ADDRESS:PORT``). ``key_name`` ""
    sends updates unsigned. ``patience``: seconds the zone's servers have to show a record."""

    server: str
    key_name: str = ""
    key_secret: str = field(default="", repr=False)
    algorithm: str = "hmac-sha256"
    patience: float = 120.0

    @property
    def kind(self) -> str:
        """See :class:`Shower`."""
        return DNS

    async def show(self, proofs: Sequence[Proof]) -> None:
        """See :class:`Shower`."""
        for proof in proofs:
            zone, name = await self._zone(proof.dns_name)
            await self._update(zone, name, proof.dns_value, add=True)
        for proof in proofs:
            zone, name = await self._zone(proof.dns_name)
            await self._wait(zone, name, proof.dns_value)

    async def publish(self, name: str, value: str, former: str = "") -> None:
        """Put a TXT record that stays in the place of ``former`` ("" for none; of this name, others stay). Does not
        wait until the servers show it. Raises AcmeError."""
        zone, at = await self._zone(name)
        if former:
            await self._update(zone, at, former, add=False)
        await self._update(zone, at, value, add=True, ttl=KEPT_SECONDS)

    async def withdraw(self, name: str, value: str) -> None:
        """Take a TXT record of :meth:`publish` away. Raises AcmeError."""
        zone, at = await self._zone(name)
        await self._update(zone, at, value, add=False)

    async def hide(self, proofs: Sequence[Proof]) -> None:
        """See :class:`Shower`."""
        for proof in proofs:
            try:
                zone, name = await self._zone(proof.dns_name)
                await self._update(zone, name, proof.dns_value, add=False)
            except AcmeError as error:
                log.warning("acme.record_left", name=proof.dns_name, reason=error.text)

    # ------------------------------------------------------------------ inside

    async def _zone(self, name: str) -> tuple[Any, Any]:
        """The zone in which ``name`` is, and the name itself, after a CNAME that the server knows of. Raises
        AcmeError when the server is not responsible for any zone above it."""
        import dns.flags
        import dns.name
        import dns.rdatatype

        wanted = dns.name.from_text(name)
        for _ in range(8):
            answer = await self._ask(wanted, "CNAME")
            alias = [rr for rrset in answer.answer for rr in rrset if rr.rdtype == dns.rdatatype.CNAME]
            if not alias:
                break
            wanted = alias[0].target
        above = wanted
        while above != dns.name.root:
            answer = await self._ask(above, "SOA")
            own = answer.flags & dns.flags.AA
            if own and any(
                rrset.rdtype == dns.rdatatype.SOA and rrset.name == above for rrset in answer.answer
            ):
                return above, wanted
            above = above.parent()
        raise AcmeError("challenge", f"the name server {self.server} is not responsible for {name}")

    async def _update(
        self, zone: Any, name: Any, value: str, *, add: bool, ttl: int = RECORD_SECONDS
    ) -> None:
        import dns.rcode
        import dns.update

        keyring, key_name = self._keyring()
        message = dns.update.UpdateMessage(
            zone, keyring=keyring, keyname=key_name, keyalgorithm=self.algorithm + "."
        )
        if add:
            message.add(name, ttl, "TXT", _strings(value))
        else:
            message.delete(name, "TXT", _strings(value))
        answer = await self._send(message)
        code = answer.rcode()
        if code != dns.rcode.NOERROR:
            advice = f"; {_CHECK_KEY}" if code in (dns.rcode.REFUSED, dns.rcode.NOTAUTH) else ""
            raise AcmeError(
                "challenge",
                f"the name server {self.server} does not change {zone.to_text(True)} "
                f"({dns.rcode.to_text(code)}){advice}",
            )

    async def _wait(self, zone: Any, name: Any, value: str) -> None:
        """Wait until every server of the zone that answers shows the record."""
        servers = await self._servers(zone)
        limit = time.monotonic() + self.patience
        late = list(servers)
        for number in range(1_000_000):
            late = [server for server in late if not await self._shows(server, name, value)]
            if not late:
                return
            if time.monotonic() > limit:
                break
            await asyncio.sleep(LOOK_PAUSES[min(number, len(LOOK_PAUSES) - 1)])
        names = ", ".join(f"{address}:{port}" for address, port in late)
        raise AcmeError(
            "challenge",
            f"the record {name.to_text(True)} was written, but {names} did not show it within "
            f"{self.patience:g} seconds",
        )

    async def _servers(self, zone: Any) -> list[tuple[str, int]]:
        """Address and port of the zone's servers; those whose address is not to be found are left out. The
        configured server is always among them."""
        import dns.rdatatype

        own = self._place()
        found = [own]
        answer = await self._ask(zone, "NS")
        names = [rr.target for rrset in answer.answer for rr in rrset if rr.rdtype == dns.rdatatype.NS]
        for name in names[:20]:
            for address in await self._addresses(name, zone):
                place = (address, 53)
                if address != own[0] and place not in found:
                    found.append(place)
        return found

    async def _addresses(self, name: Any, zone: Any) -> list[str]:
        import dns.asyncresolver
        import dns.exception

        if name.is_subdomain(zone):
            found = []
            for kind in ("A", "AAAA"):
                answer = await self._ask(name, kind)
                found += [rr.address for rrset in answer.answer for rr in rrset if hasattr(rr, "address")]
            return found
        try:
            resolver = dns.asyncresolver.Resolver()
            return [rr.address for rr in await resolver.resolve(name, "A", lifetime=QUERY_SECONDS)]
        except (dns.exception.DNSException, OSError) as error:
            log.info("acme.server_unknown", name=name.to_text(True), reason=one_line(error))
            return []

    async def _shows(self, server: tuple[str, int], name: Any, value: str) -> bool:
        import dns.rdatatype

        try:
            answer = await self._ask(name, "TXT", server)
        except AcmeError:
            return False
        texts = [rr for rrset in answer.answer for rr in rrset if rr.rdtype == dns.rdatatype.TXT]
        return any(b"".join(rr.strings) == value.encode() for rr in texts)

    async def _ask(self, name: Any, kind: str, server: tuple[str, int] | None = None) -> Any:
        import dns.flags
        import dns.message

        return await self._send(dns.message.make_query(name, kind, flags=0), server)

    async def _send(self, message: Any, server: tuple[str, int] | None = None) -> Any:
        """Over TCP: no guessing about sizes, and nobody can put an answer in between."""
        import dns.asyncquery
        import dns.exception
        import dns.tsig

        address, port = server or self._place()
        try:
            return await dns.asyncquery.tcp(message, address, timeout=QUERY_SECONDS, port=port)
        except dns.tsig.PeerError:
            text = f"the name server {address}:{port} does not take our TSIG key; {_CHECK_KEY}"
        except dns.exception.Timeout:
            text = f"the name server {address}:{port} does not answer"
        except (dns.exception.DNSException, OSError, EOFError) as error:
            text = (
                f"asking the name server {address}:{port} failed ({one_line(error) or type(error).__name__})"
            )
        raise AcmeError("challenge", text)

    def _keyring(self) -> tuple[Any, Any]:
        import dns.name
        import dns.tsig

        if not self.key_name:
            return None, None
        try:
            name = dns.name.from_text(self.key_name)
            secret = from_b64url(self.key_secret)
        except Exception:  # dnspython has an error for every way a name can be wrong
            raise AcmeError(
                "challenge", "certificates.dns_key_name is no name, or dns_key_secret is not base64"
            ) from None
        return {name: dns.tsig.Key(name, secret, self.algorithm + ".")}, name

    def _place(self) -> tuple[str, int]:
        return server_place(self.server)


def _strings(value: str) -> str:
    """A value without quotes and backslashes as the strings of a TXT record, 255 octets each (RFC 1035 3.3)."""
    return " ".join(f'"{value[at : at + 255]}"' for at in range(0, max(1, len(value)), 255))


def server_place(text: str) -> tuple[str, int]:
    """Address and port of ``192.0.2.1``, ``192.0.2.1:5353``, ``2001:db8::1`` or ``[2001:db8::1]:5353``. Raises
    AcmeError."""
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), 53
    except ValueError:
        pass
    host, _, port = text.rpartition(":")
    try:
        place = str(ipaddress.ip_address(host.strip("[]"))), int(port)
        if not 1 <= place[1] <= 65535:
            raise ValueError
    except ValueError:
        raise AcmeError(
            "challenge", f"certificates.dns_server {text!r} is no IP address with or without port"
        ) from None
    return place
