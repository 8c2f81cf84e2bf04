"""Delivery notices (RFC 3464): written (``notices``), those of others read (``read``), and what is made of both: causes
in one word (``cause``), the suppression list fed, bounces kept (``bounces``), return paths that name their recipient
(``verp``)."""
