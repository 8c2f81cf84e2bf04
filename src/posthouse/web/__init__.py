"""The uses of ``manage`` as pages in a browser.

Nothing here yet: it comes with the web server. The command line (``cli``) is today's way to administer.
"""
