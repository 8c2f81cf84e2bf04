"""The counters in Prometheus's text format, made when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from posthouse.observe.counters import Counted

COUNTERS: dict[str, tuple[str, str, str]] = {
    "connections": ("connections", "Connections let in.", "protocol"),
    "not_let_in": ("connections_refused", "Connections refused for limits.", "protocol"),
    "kept_out": (
        "connections_kept_out",
        "Of these, those of addresses that may not connect: by a range, a ban, a list or the country.",
        "by",
    ),
    "signed_in": ("signins", "Sign-ins that were good.", "protocol"),
    "signin_failures": ("signin_failures", "Sign-ins that were refused.", "protocol"),
    "bytes_in": ("received_bytes", "Bytes of ended sessions from peers, without TLS.", "protocol"),
    "bytes_out": ("sent_bytes", "Bytes of ended sessions to peers, without TLS.", "protocol"),
    "log_lines": ("log_lines", "Log lines of level warning and above.", "level"),
    "cpu": ("worker_cpu_seconds", "Processor time used.", "worker"),
    "accepted": ("messages_accepted", "Messages taken over SMTP, submission and LMTP.", ""),
    "accepted_bytes": ("messages_accepted_bytes", "Bytes of the messages taken.", ""),
    "refused": ("messages_refused", "Senders, recipients and messages refused.", ""),
    "delivered": ("messages_delivered", "Copies put into mailboxes.", ""),
    "sent": ("messages_sent", "Recipients whose message another server has taken.", ""),
    "deferred": ("deliveries_deferred", "Deliveries put off for another try.", ""),
    "failed": ("deliveries_failed", "Deliveries given up for good.", ""),
}
"""Counter to name, help and label."""

Gauge = tuple[str, str, Mapping[str, float], str]
"""Name, help, label value to number, label ("" for none)."""


class _Collector:
    def __init__(self, counted: Counted, gauges: Iterable[Gauge], version: str) -> None:
        self._counted = counted
        self._gauges = gauges
        self._version = version

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("posthouse_build", "The program.", value={"version": self._version})
        for key, (name, text, label) in COUNTERS.items():
            counter = CounterMetricFamily(f"posthouse_{name}", text, labels=[label] if label else [])
            for value, number in sorted(self._counted.get(key, {}).items()):
                counter.add_metric([value] if label else [], number)
            yield counter
        for name, text, values, label in self._gauges:
            gauge = GaugeMetricFamily(f"posthouse_{name}", text, labels=[label] if label else [])
            for value, number in sorted(values.items()):
                gauge.add_metric([value] if label else [], number)
            yield gauge


def exposition(counted: Counted, gauges: Iterable[Gauge], version: str) -> str:
    """The whole text. A registry of its own: what libraries count for themselves is not shown."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counted, gauges, version))
    return generate_latest(registry).decode()
