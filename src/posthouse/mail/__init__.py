"""What a message is, without any I/O.

Addresses, envelopes and refusals; where the parts of a message begin and end (``mime``, ``sections``); its header
(``headers``, ``addresses``, ``dates``, ``encoded``, ``subject``); its decoded text (``text``) and how messages hang
together (``threads``). Nothing here raises on what a stranger put into a message: bad input gets the most
sensible reading. Everything works on ``bytes`` and on memory maps alike.
"""
