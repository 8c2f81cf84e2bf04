"""What the server says about itself: log lines (``log``, set up by ``logging_setup``) and named write steps
(``steps``)."""
