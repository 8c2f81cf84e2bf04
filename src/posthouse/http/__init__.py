"""What API and web pages stand on: the HTTP server in the worker's loop, who is asking (browser session or API token),
limits, and the headers every answer carries.

The faces themselves are ``api`` and ``web``; neither knows the other.
"""
