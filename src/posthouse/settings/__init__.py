"""Settings: the small start-up file, and everything else declared once.

``config`` and ``load`` are ``posthouse.toml`` and its environment variables. ``contract`` is how a setting
is declared; each topic has a file of its own, made by the folder that reads it, and ``all`` imports them.
``values`` turns text into values and back.
"""
