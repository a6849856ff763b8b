"""What the server measures, in the format of Prometheus."""

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = frozenset({"/v1/count", "/v1/ask", "/v1/explain", "/v1/questions", "/v1/models"})
"""The paths that are measured."""


class Metrics:
    """The metrics of one server."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        """``waiting`` gives the number of photos in the queue."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "counting_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "counting_request_seconds",
            "Time from a request's headers to its answer.",
            ["path"],
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self.photos = Counter(
            "counting_photos", "Photos by outcome: counted or refused.", ["outcome"], registry=self.registry
        )
        self.batches = Histogram(
            "counting_batch_photos",
            "Photos counted together.",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32),
        )
        in_queue = Gauge(
            "counting_waiting", "Photos and questions that wait for the counter.", registry=self.registry
        )
        in_queue.set_function(waiting)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware that counts requests and takes their time."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        path, status, start = scope["path"], "closed", time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)
