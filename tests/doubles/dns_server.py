"""A DNS server for tests: answers from a zone given as text, over UDP and TCP, on loopback.

    with DnsServer("example.org. 300 MX 10 mail.example.org.\\nmail.example.org. 300 A 192.0.2.1") as dns:
        ...settings: dns.servers = dns.place

It plays a resolver: every name it does not hold does not exist. ``dns.authentic`` sets the AD flag of its answers,
``dns.silent`` names get no answer at all, ``dns.broken`` names get SERVFAIL, ``dns.asked`` lists the questions.
CNAMEs are followed within the zone.
"""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class DnsServer:
    """Runs in threads of its own until closed."""

    def __init__(self, zone: str = "", *, authentic: bool = False) -> None:
        self.authentic = authentic
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self._records: dict[tuple[dns.name.Name, int], dns.rrset.RRset] = {}
        self._open = True
        self._udp, self._tcp = _bound_pair()
        self.port: int = self._udp.getsockname()[1]
        self.add(zone)
        self._threads = [
            threading.Thread(target=self._serve_udp, daemon=True),
            threading.Thread(target=self._serve_tcp, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def place(self) -> str:
        """For the setting ``dns.servers``."""
        return f"127.0.0.1:{self.port}"

    def add(self, zone: str) -> None:
        """Add records, one a line: ``name [ttl] type value`` with absolute names."""
        for line in zone.splitlines():
            words = line.split(";")[0].split(None, 3) if '"' not in line else line.split(None, 3)
            if not words:
                continue
            if not words[1].isdigit():
                words = [words[0], "300", *line.split(None, 2)[1:]]
            name, ttl, kind, value = words
            owner = dns.name.from_text(name)
            found = dns.rrset.from_text(owner, int(ttl), "IN", kind, value)
            key = (owner, found.rdtype)
            if key in self._records:
                found = self._records[key].union(found)
            self._records[key] = found

    def remove(self, name: str, kind: str) -> None:
        """Take all records of this name and type out."""
        self._records.pop((dns.name.from_text(name), dns.rdatatype.from_text(kind)), None)

    def close(self) -> None:
        """Stop and free the port."""
        self._open = False
        for opened in (self._udp, self._tcp):
            try:
                opened.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as poke:
            poke.sendto(b"", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def __enter__(self) -> DnsServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ inside

    def _serve_udp(self) -> None:
        while self._open:
            try:
                data, peer = self._udp.recvfrom(4096)
            except OSError:
                continue
            answer = self._answer(data)
            if answer is not None and self._open:
                self._udp.sendto(_datagram(answer), peer)

    def _serve_tcp(self) -> None:
        while self._open:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    (length,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
                    answer = self._answer(connection.recv(length, socket.MSG_WAITALL))
                    if answer is not None:
                        wire = answer.to_wire(max_size=65535)
                        connection.sendall(struct.pack("!H", len(wire)) + wire)
                except (OSError, struct.error):
                    pass

    def _answer(self, data: bytes) -> dns.message.Message | None:
        try:
            question = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        if not question.question:
            return None
        name, kind = question.question[0].name, question.question[0].rdtype
        shown = name.to_text().rstrip(".").lower()
        self.asked.append((shown, dns.rdatatype.to_text(kind)))
        if shown in self.silent:
            return None
        answer = dns.message.make_response(question, recursion_available=True)
        if self.authentic:
            answer.flags |= dns.flags.AD
        if shown in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        self._fill(answer, name, kind)
        return answer

    def _fill(self, answer: dns.message.Message, name: dns.name.Name, kind: int) -> None:
        for _ in range(8):
            found = self._records.get((name, kind))
            alias = self._records.get((name, dns.rdatatype.CNAME))
            if found is not None:
                answer.answer.append(found)
                return
            if alias is None:
                break
            answer.answer.append(alias)
            name = alias[0].target
        if not any(owner == name or owner.is_subdomain(name) for owner, _ in self._records):
            answer.set_rcode(dns.rcode.NXDOMAIN)


def _datagram(answer: dns.message.Message) -> bytes:
    """The answer as it fits a datagram; else empty and marked as truncated, so that it is asked for by TCP."""
    try:
        return answer.to_wire(max_size=1232)
    except dns.exception.TooBig:
        answer.flags |= dns.flags.TC
        answer.answer.clear()
        return answer.to_wire(max_size=1232)


def _bound_pair() -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on the same free port."""
    for _ in range(20):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        except OSError:
            tcp.close()
            udp.close()
            continue
        return udp, tcp
    raise RuntimeError("no port is free for both UDP and TCP")
