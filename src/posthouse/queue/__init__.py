"""What is still owed to whom and when it is due, and the trace of what was decided about each message.

``contract`` says what other folders may assume, ``service`` puts, leases and settles rows inside the caller's unit of
work, ``leasing`` takes rows of one destination by priority and senders in turn, ``lookout`` finds where something is
due, ``destinations`` remembers pauses and dead ones, ``schedule`` knows when to try again, ``traces`` keeps each
message's story, ``view`` shows both to administrators.
"""
