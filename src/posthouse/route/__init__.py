"""Where does each recipient lead? Mailbox, alias, nobody, or somewhere that is not ours.

``resolve`` follows aliases to an end, ``reception`` answers RCPT: it holds the one decision that keeps this
server from being an open relay, and the quota that is promised to messages in flight.
"""
