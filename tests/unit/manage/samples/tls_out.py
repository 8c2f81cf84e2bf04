"""TLS to other servers."""

SAMPLES = {
    "tls.domains": ({}, "server"),
    "tls.forget": ({"domain": "there.example"}, "server"),
    "tls.policy": ({"domain": "there.example"}, "server"),
    "tls.reports": ({}, "server"),
}
