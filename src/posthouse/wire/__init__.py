"""Wire: protocols as grammars and state tables, without I/O.

One folder per protocol: bytes in, commands and steps out; answers in, bytes out. Nothing here opens a socket, waits or
knows an account, so that every rule of a protocol can be shown by calling a function. The sessions that use these
machines are in ``receive`` (SMTP, LMTP) and ``access`` (IMAP, POP3); ``net`` reads PROXY headers with them.
"""
