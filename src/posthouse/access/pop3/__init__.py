"""POP3 for the owners of mail (RFC 1939 with CAPA, TOP, UIDL, STLS, SASL, PIPELINING, RESP-CODES,
AUTH-RESP-CODE and UTF8).

The maildrop is the account's INBOX as it was at sign-in: a snapshot. Several sessions of one account, and
IMAP beside them, are permitted; nobody is locked out (no IN-USE). A message another session has expunged
meanwhile keeps its number here and can no longer be retrieved. Deletions take effect at QUIT, in one durable
unit, before its ``+OK``. A unique-id (UIDL) is ``UIDVALIDITY.UID`` and never belongs to another message.
"""

from posthouse.access.pop3.session import Pop3Session

__all__ = ["Pop3Session"]
