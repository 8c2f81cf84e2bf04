"""Posthouse: a complete mail server in one program.

A message travels receive → screen → route → queue → deliver → store → access; each is a folder here.
"""

__version__ = "0.1.0"
