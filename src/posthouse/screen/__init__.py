"""Do we want it? One verdict on a message, with its reasons, gathered at connect, HELO, MAIL, RCPT and
DATA.

Nothing here yet: it comes with DNS block lists, greylisting, the checks of ``origin`` and the content
scanners. What is refused today is refused without a judgement of the sender: by the grammar and the limits
in ``receive``, and by ``route``, which lets strangers reach local recipients only.
"""
