"""The uses of ``manage`` over HTTP.

Nothing here yet: it comes with the web server. The command line (``cli``) is today's way to administer.
"""
