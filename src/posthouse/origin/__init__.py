"""Where a message really comes from: DKIM and ARC as algorithms that are handed the DNS answers and do no I/O, and
SRS, which rewrites the sender of what is forwarded. SPF and DMARC come with the screening of senders.
"""
