"""POP3 without I/O (RFC 1939, RFC 2449): lines, commands and replies as bytes and values."""
