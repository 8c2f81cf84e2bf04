"""The mail store: mailboxes, messages, flags, UIDs and modseqs, and the views that sessions read them
through.

``contract.py`` says what may be assumed; ``service.py`` is the store, composed of one file for each thing it
does; ``state.py`` and ``view.py`` are a mailbox held in memory and a session's cursor over it; ``verify.py``
checks that everything kept agrees with everything else.
"""
