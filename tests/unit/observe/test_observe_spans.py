"""OpenTelemetry: spans of one message share its trace, counters arrive, and nothing is imported unasked."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from posthouse.observe import spans
from posthouse.observe.counters import counters


def test_spans_and_counters_in_memory() -> None:
    """Taking and delivering one message stand together; another one stands apart."""
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    trace = pytest.importorskip("opentelemetry.sdk.trace.export")
    metrics = pytest.importorskip("opentelemetry.sdk.metrics.export")
    exporter, reader = export.InMemorySpanExporter(), metrics.InMemoryMetricReader()
    end = spans.begin(trace.SimpleSpanProcessor(exporter), reader, "host", 0)
    assert spans.told is not None
    began = time.time() - 1
    spans.told("message.accept", began, trace="abc", size=5)
    spans.told("message.deliver", began, trace="abc", attempts=1)
    spans.told("message.accept", began, trace="other", size=6)
    counters.accepted += 1
    data = reader.get_metrics_data()
    names = {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    found = exporter.get_finished_spans()
    end()
    assert spans.told is None
    assert [span.name for span in found] == ["message.accept", "message.deliver", "message.accept"]
    ids = [span.context.trace_id for span in found]
    assert ids[0] == ids[1] != ids[2]
    assert dict(found[0].attributes) == {"posthouse.trace": "abc", "size": 5}
    assert found[0].end_time - found[0].start_time >= 900_000_000
    assert "posthouse.messages_accepted" in names


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, int]]]:
    """A sink for OTLP over HTTP: its address, and how many bytes came where."""
    came: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came[self.path] = len(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *of: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", came
        server.shutdown()


def test_both_arrive_by_otlp(collector: tuple[str, dict[str, int]]) -> None:
    """What is left is sent at the end."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    endpoint, came = collector
    end = spans.start(endpoint, "host", 0)
    assert spans.told is not None
    spans.told("message.accept", time.time(), trace="abc", size=5)
    end()
    assert came.keys() == {"/v1/traces", "/v1/metrics"}
    assert min(came.values()) > 50


def test_it_is_not_imported_unasked() -> None:
    """Neither it nor the Prometheus client stands in the way of a start."""
    code = (
        "import sys; import posthouse.observe.spans, posthouse.observe.exposition; "
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
