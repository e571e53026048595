"""What happens in a server → numbers in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Measures:
    """The metrics of one server, in a registry of their own: two servers in one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("tunesmith_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram("tunesmith_request_seconds", "From the first byte to the last.", ("route",), buckets=SECONDS, registry=self.registry)
        self.running = Gauge("tunesmith_requests_running", "Requests being answered.", registry=self.registry)
        self.received = Counter("tunesmith_received_bytes", "Bytes of request bodies.", registry=self.registry)
        self.tokens = Counter("tunesmith_tokens", "Tokens of answers and of their prompts.", ("kind",), registry=self.registry)

    def page(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)
