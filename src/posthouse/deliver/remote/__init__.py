"""Remote delivery: hosts, TLS policies, SMTP and LMTP sessions with others.

It never looks into mailboxes."""
