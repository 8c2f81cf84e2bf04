"""Access: the owners of mailboxes read their mail here, over IMAP and POP3.

Sessions sit on ``net.connection`` and on the grammars of ``wire``; what they show and change is the ``store``'s,
and who may sign in is the ``directory``'s to say.
"""
