"""What is still owed to whom and when it is due, and the trace of what was decided about each message.

``contract`` says what other folders may assume, ``service`` puts, leases and settles rows inside the
caller's unit of work, ``schedule`` knows when to try again, ``traces`` keeps each message's story, ``view``
shows both to administrators.
"""
