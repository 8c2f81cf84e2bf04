"""Domains, accounts, aliases, passwords and stored settings: what is kept about people and how they sign in.

``contract`` says what other folders may assume, ``service`` answers look-ups from a cache that is at most
one second old, ``signin`` slows down whoever guesses, ``admin`` holds the changes as units of work for
``manage``, ``live`` keeps the snapshot of stored settings current.
"""
