"""What both faces over HTTP stand on: the connection, what every request passes (host name, https, size, origin),
who is asking, headers, errors, rates."""
