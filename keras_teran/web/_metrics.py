"""Counts of requests, in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REQUESTS = "keras_teran_requests_total"
_ERRORS = "keras_teran_errors_total"
_SECONDS = "keras_teran_request_seconds"
# The library adds a series `_created` to each of them, which nothing here reads.
_TOLD = (
    _REQUESTS,
    _ERRORS,
    *(f"{_SECONDS}_{part}" for part in ("bucket", "count", "sum")),
)


class Metrics:
    """Requests by route and status, errors, and how long they took.

    Labels are routes of the service, never what somebody asked, so that no request can
    add a series. Each object counts for itself: two services in one process share
    nothing. Any number of threads may count at once.
    """

    def __init__(self):
        registry = CollectorRegistry()
        own = {"registry": registry}
        self._requests = Counter(
            _REQUESTS, "Requests answered.", ("route", "status"), **own
        )
        self._errors = Counter(
            _ERRORS, "Requests answered by a status of 500 or above.", ("route",), **own
        )
        self._seconds = Histogram(
            _SECONDS, "How long requests took.", ("route",), buckets=BUCKETS, **own
        )
        self._told = registry.restricted_registry(_TOLD)

    def add(self, route, status, seconds):
        """Counts one answered request.

        Args:
            route: str, the path template, such as "/api/search".
            status: int, the HTTP status.
            seconds: float, how long it took.
        """
        self._requests.labels(route, status).inc()
        self._errors.labels(route).inc(int(status >= 500))
        self._seconds.labels(route).observe(seconds)

    def text(self):
        """All counts, as Prometheus reads them.

        >>> metrics = Metrics()
        >>> metrics.add("/api/search", 504, 10.5)
        >>> line = 'keras_teran_requests_total{route="/api/search",status="504"} 1.0'
        >>> line in metrics.text().splitlines()
        True
        """
        return generate_latest(self._told).decode()
