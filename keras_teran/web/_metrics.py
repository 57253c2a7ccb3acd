"""Counts of requests, in Prometheus' text format."""

import threading
from collections import Counter

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Requests by route and status, errors, and how long they took.

    Labels are routes of the service, never what somebody asked, so that no request can
    add a series.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._requests = Counter()
        self._within = Counter()
        self._seconds = Counter()

    def add(self, route, status, seconds):
        """Counts one answered request.

        Args:
            route: str, the path template, such as "/api/search".
            status: int, the HTTP status.
            seconds: float, how long it took.
        """
        with self._lock:
            self._requests[route, status] += 1
            self._seconds[route] += seconds
            for bound in BUCKETS:
                self._within[route, bound] += seconds <= bound

    def text(self):
        """All counts, as Prometheus reads them.

        >>> metrics = Metrics()
        >>> metrics.add("/api/search", 504, 10.5)
        >>> print(metrics.text().splitlines()[2])
        keras_teran_requests_total{route="/api/search",status="504"} 1
        """
        with self._lock:
            return "\n".join([*self._counters(), *self._histogram(), ""])

    def _counters(self):
        name = "keras_teran_requests_total"
        yield f"# HELP {name} Requests answered."
        yield f"# TYPE {name} counter"
        for (route, status), count in sorted(self._requests.items()):
            yield f'{name}{{route="{route}",status="{status}"}} {count}'
        name = "keras_teran_errors_total"
        yield f"# HELP {name} Requests answered by a status of 500 or above."
        yield f"# TYPE {name} counter"
        for route in self._routes():
            yield f'{name}{{route="{route}"}} {self._errors(route)}'

    def _histogram(self):
        name = "keras_teran_request_seconds"
        yield f"# HELP {name} How long requests took."
        yield f"# TYPE {name} histogram"
        for route in self._routes():
            count = self._count(route)
            for bound in BUCKETS:
                within = self._within[route, bound]
                yield f'{name}_bucket{{route="{route}",le="{bound}"}} {within}'
            yield f'{name}_bucket{{route="{route}",le="+Inf"}} {count}'
            yield f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'{name}_count{{route="{route}"}} {count}'

    def _routes(self):
        return sorted({route for route, _ in self._requests})

    def _count(self, route):
        return sum(n for (own, _), n in self._requests.items() if own == route)

    def _errors(self, route):
        found = self._requests.items()
        return sum(n for (own, status), n in found if own == route and status >= 500)
