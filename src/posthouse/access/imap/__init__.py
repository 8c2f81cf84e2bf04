"""IMAP sessions (RFC 3501 and RFC 9051): who may say what when, and what the answers are.

``wire.imap`` turns bytes into commands; ``session`` takes them one at a time, in order, and hands each to
its module in ``commands`` by the table in ``table``; ``contract`` says what such a module may rely on.
``service`` is what all sessions of a process share. Mailboxes and messages are the store's; nothing here
keeps any."""
