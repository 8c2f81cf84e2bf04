"""Fixed words of the outward test in the reader's language."""

from __future__ import annotations

from posthouse.manage.setup_outward import Outward, OutwardStep
from posthouse.web.language import Language, mark

TEXTS = frozenset(
    (
        mark(
            "The other server could not be reached. Most often the provider of this machine blocks port 25 "
            "outward."
        ),
        mark(
            "Ask your provider to open port 25 outward. Where it stays closed, send by a smart host: your "
            "provider's mail server, or one you rent."
        ),
        mark(
            "The other server refuses mail from this server's address, because a block list names the address."
        ),
        mark(
            "Look the address up at the list that is named, and ask there to be removed; a new address often "
            "has a bad former owner. Until then a smart host helps."
        ),
        mark("The other server misses a reverse name of this server's address that leads back to it."),
        mark(
            "Set the reverse name (PTR) of the address to this server's name where you rent the address. "
            "Until then a smart host helps."
        ),
        mark(
            "The other server's rules did not find in the DNS that this server may send for the domain (SPF, "
            "DKIM, DMARC)."
        ),
        mark("Publish the DNS records of your domain; a few minutes later try again."),
        mark(
            "The other server wants a new sender to come again in a while (greylisting). That is usual, and "
            "not a fault."
        ),
        mark("Wait: it is tried again by itself."),
        mark("The smart host refuses the sign-in."),
        mark("Correct user name and password of the smart host."),
        mark("The secure connection that is asked for could not be made."),
        mark(
            "See the page TLS to other servers for what the other side demands; of a smart host, look at its "
            "connection security."
        ),
        mark("There is no such address at the other server."),
        mark("Correct the address, and send it again."),
        mark("The other server cannot take mail for that mailbox now; everything up to there worked."),
        mark("Make room in that mailbox, or give another address."),
        mark("The other server was not found in the DNS."),
        mark("Correct the address; if it is right, look at the setting dns.servers and try again."),
        mark("The other server did not take the message, for a reason of its own."),
        mark("Read its words. Where it refuses mail from your address for good, a smart host helps."),
        mark("Delivery is paused."),
        mark("The message is held."),
        mark("See the queue: it can be set going there."),
        mark("The message was taken out of the queue."),
        mark("Send another one."),
        mark("Send it again in a while."),
        mark("Look into that mailbox, into its spam folder too: being taken is not being shown."),
    )
)
"""Of ``manage.setup_outward`` and its words: what is the matter and what helps; a test compares them."""

_STEPS = {
    ("queued", "done"): mark("The message is in the queue."),
    ("host", "open"): mark("Find the other server, and ask it."),
    ("host", "now"): mark("The other server is looked for and asked."),
    ("host", "done"): mark("The other server was asked: {host}"),
    ("tls", "open"): mark("Encrypt the way there."),
    ("tls", "done"): mark("The way there was encrypted ({tls})."),
    ("accepted", "open"): mark("Hand the message over."),
    ("accepted", "done"): mark("The other server has taken the message."),
}


def told(language: Language, text: str) -> str:
    """A fixed text in this language."""
    return language(text) if text in TEXTS else text


def step(language: Language, found: Outward, it: OutwardStep) -> str:
    """A step in this language."""
    if it.state == "failed":
        return told(language, it.text)
    if it.name == "tls" and it.state == "done" and not found.tls:
        return language("The message went in clear text: no TLS is offered there.")
    return language(_STEPS[it.name, it.state], host=found.host, tls=found.tls)
