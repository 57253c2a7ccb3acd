"""Counts of requests against plain loops over what was counted."""

import threading

from prometheus_client.parser import text_string_to_metric_families

from keras_teran.web._metrics import BUCKETS, Metrics

ANSWERED = [
    ("/api/search", 200, 0.003),
    ("/api/search", 200, 0.01),  # a bound belongs to its bucket
    ("/api/search", 503, 0.2),
    ("/api/images/{image_id}/words", 404, 0.02),
    ("page", 504, 10.5),  # above the last bound
]
SECONDS = "keras_teran_request_seconds"


def counted(answered):
    metrics = Metrics()
    for request in answered:
        metrics.add(*request)
    return metrics


def samples(metrics):
    """{(name, the labels sorted): value} of the text, read by the library's parser."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
    }


def naive_samples(answered):
    found = {}
    for route, status, _ in answered:
        mine = [other for other in answered if other[0] == route]
        own, took = ("route", route), [seconds for *_, seconds in mine]
        found["keras_teran_requests_total", own, ("status", str(status))] = sum(
            other[1] == status for other in mine
        )
        found["keras_teran_errors_total", own] = sum(s >= 500 for _, s, _ in mine)
        for bound in (*BUCKETS, float("inf")):
            le = "+Inf" if bound == float("inf") else str(bound)
            within = sum(seconds <= bound for seconds in took)
            found[f"{SECONDS}_bucket", ("le", le), own] = within
        found[f"{SECONDS}_sum", own] = sum(took)
        found[f"{SECONDS}_count", own] = len(took)
    return found


def test_the_text_holds_every_count_and_nothing_else():
    found, expected = samples(counted(ANSWERED)), naive_samples(ANSWERED)
    assert found == expected
    assert len(found) == 4 + 3 + 3 * (len(BUCKETS) + 1 + 2)


def test_each_family_says_its_kind_and_its_meaning():
    lines = counted(ANSWERED).text().splitlines()
    assert {line for line in lines if line.startswith("#")} == {
        "# HELP keras_teran_requests_total Requests answered.",
        "# TYPE keras_teran_requests_total counter",
        "# HELP keras_teran_errors_total "
        "Requests answered by a status of 500 or above.",
        "# TYPE keras_teran_errors_total counter",
        "# HELP keras_teran_request_seconds How long requests took.",
        "# TYPE keras_teran_request_seconds histogram",
    }


def test_two_services_of_one_process_count_apart():
    one, other = counted(ANSWERED), counted(ANSWERED[:1])
    assert samples(one) == naive_samples(ANSWERED)
    assert samples(other) == naive_samples(ANSWERED[:1])


def test_threads_that_count_at_once_lose_nothing():
    metrics = Metrics()

    def count():
        for _ in range(500):
            metrics.add("page", 500, 0.25)  # a sum of quarters is exact

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(metrics)
    own = ("route", "page")
    assert found["keras_teran_requests_total", own, ("status", "500")] == 8 * 500
    assert found["keras_teran_errors_total", own] == 8 * 500
    assert found[f"{SECONDS}_bucket", ("le", "0.1"), own] == 0
    assert found[f"{SECONDS}_bucket", ("le", "0.25"), own] == 8 * 500
    assert found[f"{SECONDS}_sum", own] == 8 * 500 * 0.25
