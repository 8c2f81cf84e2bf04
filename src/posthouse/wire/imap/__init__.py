"""The grammar of IMAP, without I/O: bytes become commands (``reader``), values become answers (``response``).

``syntax`` holds the commands as plain values. ``reader`` cuts the stream into lines and literals and hands
each whole command to the parser of its group (``parse_*``), all of which read through one ``cursor``.
``names`` knows mailbox names (modified UTF-7, NFC, INBOX, LIST patterns). Nothing here waits, and nothing a
client sends raises.
"""
