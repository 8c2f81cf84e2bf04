"""The command line: a face of ``manage``.

``app`` holds the commands, ``client`` the control socket's client side, ``show`` how results are printed.
A short command imports neither asyncio nor the database layer, so that it starts fast from scripts;
``serve`` is handed in by ``__main__``.
"""
