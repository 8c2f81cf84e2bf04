"""The uses of ``manage`` over HTTP with JSON, under ``/api/v1``.

Every route names the use it translates to (``routes/``); documentation and schema are made from the uses' own
declarations.
"""
