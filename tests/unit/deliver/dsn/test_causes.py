"""What servers say, and what it means: lines as they are written by servers and providers."""

from __future__ import annotations

import time
from typing import get_args

import pytest

from posthouse.deliver.dsn.cause import Cause, cause_of, cause_of_words
from posthouse.deliver.dsn.cause_words import RULES
from posthouse.deliver.dsn.texts import LANGUAGES
from posthouse.deliver.results import Said
from posthouse.settings.notices import LANGUAGE

REPLIES: list[tuple[Cause, int, str, str]] = [
    # Postfix
    ("no-mailbox", 550, "5.1.1", "<a@b.test>: Recipient address rejected: User unknown in local recipient table"),
    ("no-mailbox", 550, "5.1.1", "<a@b.test>: Recipient address rejected: User unknown in virtual mailbox table"),
    ("no-mailbox", 550, "5.1.1", "<a@b.test>: Recipient address rejected: undeliverable address: host said no"),
    ("no-mailbox", 450, "4.1.1", "<a@b.test>: Recipient address rejected: unverified address: Address lookup failed"),
    ("relay-denied", 554, "5.7.1", "<a@b.test>: Relay access denied"),
    ("greylisted", 450, "4.2.0", "<a@b.test>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/"),
    ("blocked", 450, "4.7.25", "Client host rejected: cannot find your hostname, [192.0.2.1]"),
    ("blocked", 554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://x"),
    ("blocked", 450, "4.7.1", "<mail.test>: Helo command rejected: Host not found"),
    ("policy", 450, "4.1.8", "<x@y.test>: Sender address rejected: Domain not found"),
    ("policy", 553, "5.7.1", "<x@y.test>: Sender address rejected: not owned by user z"),
    ("too-large", 552, "5.3.4", "Message size exceeds fixed limit"),
    ("too-large", 552, "5.3.4", "Message file too big"),
    ("loop", 554, "5.4.0", "Error: too many hops"),
    ("loop", 0, "5.4.6", "mail for b.test loops back to myself"),
    ("tls", 530, "5.7.0", "Must issue a STARTTLS command first"),
    ("tls", 0, "4.7.5", "Server certificate not verified"),
    ("tls", 0, "4.7.4", "TLS is required, but was not offered by host mx.b.test[192.0.2.1]"),
    ("rate-limited", 421, "4.7.0", "mx.b.test Error: too many connections from 192.0.2.1"),
    ("rate-limited", 450, "4.7.1", "Error: too much mail from 192.0.2.1"),
    ("spam", 550, "5.7.1", "Message content rejected, id=1 - spam"),
    ("content", 550, "5.7.1", "Message contains a virus: Eicar-Test-Signature"),
    ("rate-limited", 452, "4.3.1", "Insufficient system resources temporarily unavailable"),
    ("mailbox-full", 452, "4.3.1", "Insufficient system storage"),
    ("unreachable", 0, "4.4.1", "connect to mx.b.test[192.0.2.1]:25: Connection refused"),
    ("unreachable", 0, "4.4.2", "lost connection with mx.b.test[192.0.2.1] while sending RCPT TO"),
    ("dns", 0, "5.4.4", "Host or domain name not found. Name service error for name=b.test type=AAAA: Host not found"),
    ("dns", 0, "5.1.0", "Domain b.test does not accept mail (nullMX)"),
    ("dns", 556, "5.1.10", "Recipient address has null MX"),
    # Dovecot
    ("no-mailbox", 550, "5.1.1", "<a@b.test> User doesn't exist: a@b.test"),
    ("mailbox-full", 552, "5.2.2", "<a@b.test> Quota exceeded (mailbox for user is full)"),
    ("mailbox-full", 452, "4.2.2", "<a@b.test> Quota exceeded (mailbox for user is full)"),
    # Exim
    ("no-mailbox", 550, "5.0.0", "Unrouteable address"),
    ("no-mailbox", 550, "5.0.0", "Unknown user"),
    ("no-mailbox", 550, "5.0.0", "No such user here"),
    ("no-mailbox", 550, "5.1.1", "No Such User Here\""),
    ("relay-denied", 550, "5.0.0", "relay not permitted"),
    ("policy", 550, "5.0.0", "Administrative prohibition"),
    ("policy", 550, "5.0.0", "Sender verify failed"),
    ("mailbox-full", 0, "5.0.0", "mailbox is full: retry timeout exceeded"),
    ("mailbox-full", 0, "5.0.0", "mailbox is full (MTA-imposed quota exceeded while writing to file /var/mail/a)"),
    ("unreachable", 0, "4.0.0", "retry time not reached for any host after a long failure period: Connection timed out"),
    ("dns", 0, "5.0.0", "all relevant MX records point to non-existent hosts"),
    ("content", 550, "5.0.0", "This message contains malware (Win.Test.EICAR_HDB-1)"),
    ("too-large", 552, "5.0.0", "Message size exceeds maximum permitted"),
    # Sendmail, qmail
    ("no-mailbox", 550, "5.1.1", "<a@b.test>... User unknown"),
    ("relay-denied", 550, "5.7.1", "<a@b.test>... Relaying denied"),
    ("no-mailbox", 550, "5.1.1", "sorry, no mailbox here by that name (#5.1.1)"),
    ("relay-denied", 553, "5.7.1", "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    ("mailbox-full", 0, "4.2.2", "The users mailfolder is over the allowed quota (size). (#5.2.2)"),
    # Exchange, Exchange Online, Outlook.com
    ("no-mailbox", 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient a@b.test not found by SMTP address lookup"),
    ("no-mailbox", 550, "5.4.1", "Recipient address rejected: Access denied. [X.prod.protection.outlook.com]"),
    ("no-mailbox", 550, "5.1.1", "RESOLVER.ADR.ExRecipNotFound; not found"),
    ("mailbox-full", 554, "5.2.2", "mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded"),
    ("too-large", 550, "5.2.3", "RESOLVER.RST.RecipSizeLimit; message too large for this recipient"),
    ("loop", 554, "5.4.14", "Hop count exceeded - possible mail loop ATTR34"),
    ("relay-denied", 550, "5.7.64", "TenantAttribution; Relay Access Denied [X.mail.protection.outlook.com]"),
    ("relay-denied", 550, "5.7.54", "SMTP; Unable to relay recipient in non-accepted domain"),
    ("blocked", 550, "5.7.606", "Access denied, banned sending IP [192.0.2.1]. To request removal visit https://sender.office.com/"),
    ("blocked", 550, "5.7.1", "Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140)."),
    ("rate-limited", 451, "4.7.500", "Server busy. Please try again later from [192.0.2.1]. (S77719)"),
    ("rate-limited", 451, "4.7.650", "The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation."),
    ("unauthenticated", 550, "5.7.509", "Access denied, sending domain y.test does not pass DMARC verification and has a DMARC policy of reject."),
    ("unauthenticated", 550, "5.7.23", "The message was rejected because of Sender Policy Framework violation"),
    ("no-mailbox", 550, "5.5.0", "Requested action not taken: mailbox unavailable (S2017062302)."),
    ("policy", 550, "5.7.133", "RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group"),
    # Gmail
    ("no-mailbox", 550, "5.1.1", "The email account that you tried to reach does not exist. Please try double-checking the recipient's email address for typos or unnecessary spaces."),
    ("disabled", 550, "5.2.1", "The email account that you tried to reach is disabled."),
    ("disabled", 550, "5.2.1", "The email account that you tried to reach is inactive."),
    ("mailbox-full", 452, "4.2.2", "The email account that you tried to reach is over quota. Please direct the recipient to https://support.google.com"),
    ("mailbox-full", 552, "5.2.2", "The recipient's inbox is out of storage space and inactive."),
    ("rate-limited", 450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered."),
    ("rate-limited", 421, "4.7.28", "Our system has detected an unusual rate of unsolicited mail originating from your IP address."),
    ("spam", 550, "5.7.1", "Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked."),
    ("unauthenticated", 550, "5.7.26", "This mail has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM."),
    ("content", 552, "5.7.0", "This message was blocked because its content presents a potential security issue."),
    ("too-large", 552, "5.2.3", "Your message exceeded Google's message size limits."),
    ("blocked", 550, "5.7.25", "The IP address sending this message does not have a PTR record setup, or the corresponding forward DNS entry does not match the sending IP."),
    ("content", 550, "5.7.1", "Messages missing a valid address in From: header, or having no From: header, are not accepted."),
    # Yahoo
    ("no-mailbox", 554, "5.0.0", "delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0] - mta1.mail.yahoo.com"),
    ("disabled", 554, "5.0.0", "delivery error: dd Sorry your message to a@yahoo.com cannot be delivered. This mailbox is disabled (554.30)."),
    ("rate-limited", 421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1"),
    ("blocked", 553, "5.7.1", "[BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list"),
    ("policy", 554, "5.7.9", "Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes"),
    # GMX, web.de, t-online, others
    ("no-mailbox", 550, "5.0.0", "Requested action not taken: mailbox unavailable"),
    ("mailbox-full", 552, "5.0.0", "Requested mail action aborted: exceeded storage allocation Quota exceeded. The recipient mailbox is full."),
    ("blocked", 554, "5.0.0", "gmx.net (mxgmx001) Nemesis ESMTP Service not available No SMTP service Bad DNS PTR resource record."),
    ("policy", 554, "5.0.0", "Transaction failed Reject due to policy restrictions."),
    ("blocked", 554, "5.0.0", "IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tobr@rx.t-online.de to clarify.)"),
    ("no-mailbox", 550, "5.1.1", "Empfaengeradresse unbekannt"),
    ("disabled", 550, "5.2.1", "Mailbox disabled, not accepting messages"),
    ("disabled", 550, "5.7.1", "Account a@b.test has been suspended"),
    # the codes alone
    ("no-mailbox", 550, "5.1.1", "no"),
    ("mailbox-full", 552, "5.2.2", "no"),
    ("mailbox-full", 552, "", "no"),
    ("content", 554, "5.6.5", "no"),
    ("policy", 554, "5.7.99", "no"),
    ("other", 550, "", "no"),
    ("other", 451, "4.3.0", "Temporary local problem - please try later"),
    ("other", 250, "2.0.0", "Ok: queued as 4B2F1"),
    ("other", 0, "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "code", "status", "text"), REPLIES)
def test_replies_of_the_world(cause: Cause, code: int, status: str, text: str) -> None:
    assert cause_of(Said(code, status, text)) == cause


def test_the_tables_know_all_causes_and_no_others() -> None:
    """Rules, and the texts of each language, speak of the causes there are; languages have all texts, with the same
    places to fill."""
    causes = set(get_args(Cause))
    assert {cause for cause, _ in RULES} <= causes
    assert set(LANGUAGES) == set(LANGUAGE.choices)
    for words in LANGUAGES.values():
        assert set(words.cause) == set(words.advice) == causes
        assert (
            set(words.subject)
            == set(words.intro)
            == {"failed", "delayed", "delivered", "relayed", "expanded"}
        )
        assert len(words.months) == 12


def test_hostile_words_take_no_time() -> None:
    """A megabyte of what the patterns begin with."""
    begun = time.process_time()
    for word in (
        "user ",
        "mailbox is ",
        "quota over the ",
        "message size ",
        "ip address ",
        "domain " + "x" * 50,
    ):
        cause_of_words(550, "5.0.0", word * 200_000)
    assert time.process_time() - begun < 5
