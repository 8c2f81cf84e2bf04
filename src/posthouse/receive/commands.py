"""The commands of a session, apart from AUTH and those that carry the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from posthouse.mail.envelope import Terms
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.observe.log import logger
from posthouse.receive import authentication, content, extensions
from posthouse.receive.asking import ask
from posthouse.receive.contract import Etrn
from posthouse.receive.intake import too_large
from posthouse.receive.parts import Kind
from posthouse.receive.refused import note_refused
from posthouse.receive.terms import terms_of
from posthouse.receive.transaction import Transaction
from posthouse.settings import smtp
from posthouse.wire.smtp import State, reply
from posthouse.wire.smtp.command import Mail, Rcpt, parse_etrn, parse_hello, parse_mail, parse_rcpt

if TYPE_CHECKING:
    from posthouse.receive.session import Session

log = logger("receive.commands")

_SENDER_OK = reply(250, "2.1.0", "Sender OK")
_RECIPIENT_OK = reply(250, "2.1.5", "Recipient OK")
_OK = reply(250, "2.0.0", "OK")
_HELP = reply(
    214,
    "2.0.0",
    "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS AUTH ETRN QUIT",
    "This server speaks SMTP as RFC 5321 describes it",
)
_HELP_LMTP = reply(
    214,
    "2.0.0",
    "Commands: LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS QUIT",
    "This server speaks LMTP as RFC 2033 describes it",
)
_VRFY = reply(252, "2.5.0", "Addresses are not verified; send a message and see")


def hello(session: Session, argument: str, verb: str) -> None:
    """HELO, EHLO, LHLO (RFC 5321 4.1.1.1; RFC 2033 4.1)."""
    session.hello = parse_hello(argument)
    session.hello_verb = verb
    session.end_transaction()
    session.state = State.READY
    session.note("helo", f"{verb} {session.hello}")
    host = session.parts.hostname
    session.write(
        reply(250, "", host) if verb == "HELO" else reply(250, "", host, *extensions.announced(session))
    )


def mail(session: Session, argument: str) -> None:
    """MAIL (RFC 5321 4.1.1.2)."""
    parsed = parse_mail(argument, extensions.mail_parameters(session))
    settings = session.settings.now
    if session.kind is Kind.SUBMISSION and session.account_id is None:
        raise sign_in_first(session)
    if settings[smtp.MAX_TRANSACTIONS] and session.transactions >= settings[smtp.MAX_TRANSACTIONS]:
        raise Refusal(421, "4.7.0", "Too many messages over one connection, closing", close=True)
    if session.too_many_messages():
        raise Refusal(450, "4.7.1", "Too many messages from your address, please try again in a minute")
    if parsed.size > settings[smtp.MAX_MESSAGE_SIZE]:
        raise too_large(settings[smtp.MAX_MESSAGE_SIZE])
    known = session.account_id is not None
    terms = terms_of(parsed, settings, session.parts.clock(), known=known)
    if session.account_id is not None and parsed.sender is not None and settings[smtp.SENDER_MUST_BE_OWN]:
        session.run(_mail_of_own(session, parsed, terms, session.account_id))
    else:
        _begin(session, parsed, terms)


def sign_in_first(session: Session) -> Refusal:
    """The refusal of mail from somebody who has not signed in."""
    text = "STARTTLS, then AUTH" if session.can_start_tls else "Authentication required"
    return Refusal(530, "5.7.0", text)


async def _mail_of_own(session: Session, parsed: Mail, terms: Terms, account_id: int) -> None:
    assert parsed.sender is not None
    reception = session.parts.reception
    if not (
        await reception.may_send_as(account_id, parsed.sender)
        or await reception.may_send_for(account_id, parsed.sender)
    ):
        refusal = Refusal(553, "5.7.1", "This sender address is not yours")
        await note_refused(session, None, "mail", f"{parsed.sender}: {refusal.text}", refusal.code)
        raise refusal
    _begin(session, parsed, terms)


def _begin(session: Session, parsed: Mail, terms: Terms) -> None:
    session.transactions += 1
    trace = f"{session.trace}.{session.transactions}"
    word = session.protocol_word(smtputf8=parsed.smtputf8)
    transaction = session.transaction = Transaction(session.origin(trace, word), parsed, terms)
    transaction.note("mail", str(parsed.sender) if parsed.sender is not None else "<>")
    transaction.note_terms()
    session.state = State.MAIL
    if parsed.priority is not None and parsed.priority != terms.priority:
        # RFC 6710 4.1: whoever asked is told what came of it.
        session.write(reply(250, "2.3.6", f"{terms.priority} is the new priority assigned"))
        return
    session.write(_SENDER_OK)


def rcpt(session: Session, argument: str) -> None:
    """RCPT (RFC 5321 4.1.1.3)."""
    transaction = session.transaction
    assert transaction is not None
    parsed = parse_rcpt(
        argument, smtputf8=transaction.mail.smtputf8, announced=extensions.rcpt_parameters(session)
    )
    if len(transaction.answers) >= session.settings.now[smtp.MAX_RECIPIENTS]:
        raise Refusal(452, "4.5.3", "Too many recipients; send the rest in another message")
    if transaction.knows(parsed):
        _accepted(session, transaction, parsed)
    else:
        session.run(_rcpt(session, transaction, parsed))


async def _rcpt(session: Session, transaction: Transaction, parsed: Rcpt) -> None:
    try:
        await ask(session.parts, transaction, parsed.address)
    except Refusal as refusal:
        text = f"{parsed.address}: {refusal}"
        log.info(
            "recipient.refused",
            trace=transaction.origin.trace,
            peer=session.peer.address,
            recipient=str(parsed.address),
            reason=refusal.cause or str(refusal),
        )
        await note_refused(session, transaction, "rcpt", text, refusal.code)
        # Strangers who try addresses are stopped; a user's long list with many typing errors is not.
        session.refuse(refusal, counts=session.account_id is None and session.kind is not Kind.LMTP)
        return
    _accepted(session, transaction, parsed)


def _accepted(session: Session, transaction: Transaction, parsed: Rcpt) -> None:
    transaction.add(parsed)
    session.state = State.RCPT
    session.write(_RECIPIENT_OK)


def rset(session: Session, argument: str) -> None:
    """RSET (RFC 5321 4.1.1.5)."""
    _no_argument("RSET", argument)
    session.end_transaction()
    session.write(_OK)


def noop(session: Session, argument: str) -> None:
    """NOOP (RFC 5321 4.1.1.9): an argument may come and is ignored."""
    session.write(_OK)


def help_(session: Session, argument: str) -> None:
    """HELP (RFC 5321 4.1.1.8)."""
    session.write(_HELP_LMTP if session.kind is Kind.LMTP else _HELP)


def vrfy(session: Session, argument: str) -> None:
    """VRFY (RFC 5321 3.5.3): a guess at nobody's expense."""
    if not argument:
        raise Refusal(501, "5.5.4", "Syntax: VRFY address")
    session.write(_VRFY)


def quit_(session: Session, argument: str) -> None:
    """QUIT (RFC 5321 4.1.1.10)."""
    _no_argument("QUIT", argument)
    session.say_and_close(reply(221, "2.0.0", f"{session.parts.hostname} closing connection"))


def starttls(session: Session, argument: str) -> None:
    """STARTTLS (RFC 3207)."""
    _no_argument("STARTTLS", argument)
    if session.tls is not None:
        raise Refusal(503, "5.5.1", "TLS is on already")
    if not session.can_start_tls:
        raise Refusal(502, "5.5.1", "Command not implemented")
    session.set_deadline(None)
    session.perform(_starttls(session))


async def _starttls(session: Session) -> None:
    if session.reader.buffered:
        # Sent in clear before the handshake, by whoever could (CVE-2011-0411): never carried out.
        log.info("starttls.dropped", session=session.trace, peer=session.peer.address)
        session.reader.clear()
    session.write(reply(220, "2.0.0", "Ready to start TLS"))
    try:
        await session.start_tls()
    except ConnectionError:
        raise
    except Exception as error:
        log.error("starttls.failed", session=session.trace, peer=session.peer.address, exc_info=error)
        session.refuse(our_fault())
        session.close()


def etrn(session: Session, argument: str) -> None:
    """ETRN (RFC 1985): mail that waits for a node is sent to it."""
    asked = session.parts.etrn
    if asked is None:
        raise Refusal(502, "5.5.1", "Command not implemented")
    session.run(_etrn(session, asked, parse_etrn(argument)))


async def _etrn(session: Session, asked: Etrn, node: str) -> None:
    try:
        waiting = await asked.request(node, session.origin(session.trace))
    except Refusal as refusal:
        await note_refused(session, None, "etrn", f"{node}: {refusal.text}", refusal.code)
        raise
    if waiting:
        session.write(reply(253, "2.0.0", f"{waiting} pending messages for node {node} started"))
    else:
        session.write(reply(251, "2.0.0", f"No messages waiting for node {node}"))


def _no_argument(verb: str, argument: str) -> None:
    if argument:
        raise Refusal(501, "5.5.4", f"{verb} takes no argument")


Handler = Callable[["Session", str], None]

HANDLERS: dict[str, Handler] = {
    "HELO": lambda session, argument: hello(session, argument, "HELO"),
    "EHLO": lambda session, argument: hello(session, argument, "EHLO"),
    "LHLO": lambda session, argument: hello(session, argument, "LHLO"),
    "MAIL": mail,
    "RCPT": rcpt,
    "DATA": content.data,
    "RSET": rset,
    "NOOP": noop,
    "HELP": help_,
    "VRFY": vrfy,
    "QUIT": quit_,
    "STARTTLS": starttls,
    "AUTH": authentication.auth,
    "ETRN": etrn,
}
"""By verb; BDAT is not here, as its octets must be dealt with in any state."""
