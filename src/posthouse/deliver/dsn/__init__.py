"""Delivery notices (RFC 3464): written, sent, and those of others read."""
