"""Certificates from an authority that speaks ACME (RFC 8555): the client, the proofs of control over a name, and
when to renew.

Nothing here knows a database: who orders what, and when, is decided in ``manage``, which keeps the results. The
signatures are made by certbot's libraries (``acme``, ``josepy``), imported only when an order runs; requests go
through httpx2, so that no thread is needed.
"""
