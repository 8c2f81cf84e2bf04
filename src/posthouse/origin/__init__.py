"""Where a message really comes from: SPF, DKIM, DMARC and ARC as algorithms that ask for DNS answers and do
no I/O.

Nothing here yet: it comes with the screening of senders and the signing of outgoing mail.
"""
