"""Message in, list of actions out: the interpreter of Sieve (RFC 5228), which is what every rule becomes.

Nothing here yet: it comes with rules, vacation and forwarding. Until then ``deliver.local`` puts each
message into its INBOX. This folder stays pure: no I/O, and no knowledge but ``mail``'s.
"""
