"""A few named moments at which an administrator's own code is asked: plugins, and the events webhooks tell
of.

Nothing here yet: it comes with plugins and webhooks. Built-in behaviour will use the same hooks.
"""
