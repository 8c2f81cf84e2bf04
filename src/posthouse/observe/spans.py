"""OpenTelemetry, where the settings name an endpoint and the extra ``otel`` is installed: one span for each
message taken and each delivery, and all counters every minute. Switched off, it is one look at a name that is
None; nothing of it is imported."""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from posthouse import __version__
from posthouse.observe.counters import counters, process_facts
from posthouse.observe.exposition import COUNTERS
from posthouse.observe.log import logger

log = logger("observe.otel")


class Tell(Protocol):
    """Makes one span that ends now."""

    def __call__(self, name: str, began: float, *, trace: str, **attributes: int) -> None:
        """``began`` in seconds since 1970; ``trace`` is the message's, and the spans of one message share a trace
        id made of it."""


told: Tell | None = None
"""None while nothing is sent."""


def start(endpoint: str, host: str, worker: int) -> Callable[[], None]:
    """Begin to send to an OTLP/HTTP endpoint; what is returned ends it. Without the extra: a warning, and
    nothing is sent."""
    try:
        http = "exporter.otlp.proto.http"
        span_exporter = _part(f"{http}.trace_exporter").OTLPSpanExporter
        metric_exporter = _part(f"{http}.metric_exporter").OTLPMetricExporter
        batches = _part("sdk.trace.export").BatchSpanProcessor
        periodic = _part("sdk.metrics.export").PeriodicExportingMetricReader
    except ImportError:
        log.warning("otel.absent", reason="metrics.otel_endpoint is set, but the extra otel is not installed")
        return lambda: None
    base = endpoint.rstrip("/")
    processor = batches(span_exporter(endpoint=f"{base}/v1/traces", timeout=5))
    reader = periodic(metric_exporter(endpoint=f"{base}/v1/metrics", timeout=5))
    log.info("otel.started", endpoint=_without_user(endpoint))
    return begin(processor, reader, host, worker)


def begin(processor: Any, reader: Any, host: str, worker: int) -> Callable[[], None]:
    """The same with a span processor and a metric reader of the caller's."""
    global told
    about = {
        "service.name": "posthouse",
        "service.version": __version__,
        "service.instance.id": f"{host}/{worker}",
        "host.name": host,
    }
    resource = _part("sdk.resources").Resource.create(about)
    tracers = _part("sdk.trace").TracerProvider(
        resource=resource, shutdown_on_exit=False, id_generator=_Ids()
    )
    tracers.add_span_processor(processor)
    meters = _part("sdk.metrics").MeterProvider(
        metric_readers=[reader], resource=resource, shutdown_on_exit=False
    )
    _register(meters.get_meter("posthouse", __version__))
    tracer = tracers.get_tracer("posthouse", __version__)

    def tell(name: str, began: float, *, trace: str, **attributes: int) -> None:
        _next_trace[0] = trace
        span = tracer.start_span(
            name, start_time=int(began * 1e9), attributes={"posthouse.trace": trace, **attributes}
        )
        span.end(int(time.time() * 1e9))

    told = tell

    def end() -> None:
        global told
        told = None
        for provider in (tracers, meters):
            try:
                provider.shutdown()
            except Exception as error:
                log.warning("otel.not_sent", reason=str(error))

    return end


_next_trace = [""]


class _Ids:
    """Trace ids made of the message's trace, so that taking and delivering it stand together."""

    def generate_trace_id(self) -> int:
        digest = hashlib.sha256(_next_trace[0].encode()).digest()
        return int.from_bytes(digest[:16], "big") or 1

    def generate_span_id(self) -> int:
        import secrets

        return secrets.randbits(64) or 1

    def is_trace_id_random(self) -> bool:
        return False


def _register(meter: Any) -> None:
    observation = _part("metrics").Observation

    def reading(name: str, label: str) -> Callable[[Any], Iterable[Any]]:
        def read(options: Any) -> Iterable[Any]:
            values = counters.read().get(name, {})
            return [observation(value, {label: key} if label else {}) for key, value in values.items()]

        return read

    for name, (public, text, label) in COUNTERS.items():
        if name != "cpu":
            meter.create_observable_counter(
                f"posthouse.{public}", callbacks=[reading(name, label)], description=text
            )
    meter.create_observable_gauge(
        "posthouse.worker_memory_bytes",
        callbacks=[lambda options: [observation(process_facts().get("memory", 0.0))]],
        description="Memory held.",
    )


def _part(name: str) -> Any:
    """A module of OpenTelemetry, imported when it is wanted. Raises ImportError."""
    return importlib.import_module(f"opentelemetry.{name}")


def _without_user(endpoint: str) -> str:
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
