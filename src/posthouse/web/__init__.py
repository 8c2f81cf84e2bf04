"""The uses of ``manage`` as pages in a browser: rendered here, usable without a script, under a strict content
security policy.

``page`` declares one page, ``visit`` is what its handler works with, ``site`` makes routes of all of them. How to
add a page stands in docs/web-pattern.md.
"""
