"""The handlers of the pages, one file per topic; each registers itself with ``@page``."""
