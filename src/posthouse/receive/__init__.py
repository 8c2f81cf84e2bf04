"""Receive: who is talking, and what do they hand over?

The first place on a message's road. A :class:`~posthouse.receive.session.Session` talks SMTP on port 25,
submission on 587 and 465, or LMTP on TCP and Unix sockets, over the machines of ``posthouse.wire.smtp``.
It judges syntax, sequence and limits itself, asks the :class:`~posthouse.receive.contract.Reception` about
each recipient, streams the message into a spool while looking at its header and line endings, and says 250
only after the :class:`~posthouse.receive.contract.Acceptance` has returned. It knows nothing of mailboxes and queues.
"""
