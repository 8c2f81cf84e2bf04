"""What to do about an order that failed, by the kind of its failure."""

from __future__ import annotations

_AGAIN = "It is tried again by itself; `posthouse certificate list` shows when."

_MENDS = {
    "connection": "See that the name leads to this server and that the port can be reached from outside: 80 for "
    "http-01, 443 for tls-alpn-01.",
    "tls": "See that port 443 of the name leads to this server's https listener, with no proxy between that ends TLS.",
    "dns": "Give the name an A or AAAA record that leads to this server, and wait until it is seen everywhere.",
    "caa": "Allow this authority in the CAA record of the domain, or remove that record.",
    "unauthorized": "See that the name leads to this very server, and that nothing else answers in its place.",
    "incorrectResponse": "See that the name leads to this very server, and that nothing else answers in its place.",
    "rejectedIdentifier": "Choose a name the authority issues for.",
    "terms": "Read them (`posthouse certificate account` shows where they stand), then: "
    "posthouse certificate agree --yes",
    "externalAccountRequired": "Set certificates.eab_key_id and certificates.eab_hmac_key.",
    "binding": "Set certificates.eab_hmac_key as the authority gives it.",
    "invalidContact": "Correct certificates.contact.",
    "unsupportedContact": "Correct certificates.contact.",
    "noway": "Make one of these possible, or add a certificate of your own: posthouse certificate add",
    "trust": "Correct certificates.ca_file.",
    "challenge": "Mend that. " + _AGAIN,
}


def mend_for(kind: str) -> str:
    """What to do about a failure of this kind (see ``net.acme.errors``)."""
    return _MENDS.get(kind, _AGAIN)


def sentence(text: str) -> str:
    """A clause as a sentence; a host name at its start keeps its case."""
    first = text.partition(" ")[0]
    return (text[:1].upper() + text[1:] if first.isalpha() else text).rstrip(".") + "."
