"""Slow searches and slow bodies: given up in time, and never in others' way."""

import asyncio
import json
import threading
import time

import pytest
from fastapi.testclient import TestClient
from support.search_double import DoubleIndex

from keras_teran.web._guard import Guard
from keras_teran.web._limits import Limits
from keras_teran.web._metrics import Metrics
from keras_teran.web._service import create_app

IMAGES = [{"caption": "a red circle", "filename": "red.png"}]


@pytest.fixture
def index():
    index = DoubleIndex(IMAGES)
    yield index
    index.go_on.set()  # lets go of the threads that still wait


def search(client, text):
    return client.post("/api/search", json={"text": text})


def client_of(index, **limits):
    return TestClient(create_app(index, limits=Limits(**limits)))


def until(true):
    """Waits for what another thread is about to do."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it never became true")


def test_a_slow_search_is_given_up(index):
    with client_of(index, timeout=0.1) as client:
        response = search(client, "slow")
    assert response.status_code == 504
    assert response.json() == {"error": "No answer within 0.1 seconds."}


def test_a_search_given_up_leaves_the_other_workers_free(index):
    with client_of(index, timeout=0.1, workers=2) as client:
        assert search(client, "slow").status_code == 504
        assert search(client, "red").status_code == 200


def test_others_are_answered_while_a_search_runs(index):
    with client_of(index, timeout=60, workers=2) as client:
        answers = []
        slow = threading.Thread(target=lambda: answers.append(search(client, "slow")))
        slow.start()
        until(lambda: index.asked)
        assert search(client, "red").status_code == 200
        assert client.get("/health").status_code == 200
        assert answers == []
        index.go_on.set()
        slow.join()
        assert answers[0].status_code == 200


def test_a_full_line_turns_away_and_opens_again(index):
    with client_of(index, timeout=0.1, workers=1, waiting=1) as client:
        assert search(client, "slow").status_code == 504  # it holds the one place
        turned_away = search(client, "red")
        assert turned_away.status_code == 503
        assert turned_away.headers["retry-after"] == "1"
        assert "Too many searches at once" in turned_away.json()["error"]
        assert client.get("/metrics").status_code == 200
        index.go_on.set()
        until(lambda: search(client, "red").status_code == 200)


def test_what_waits_in_line_is_dropped_when_given_up(index):
    with client_of(index, timeout=0.1, workers=1, waiting=2) as client:
        assert search(client, "slow").status_code == 504
        assert search(client, "slow").status_code == 504  # never began
        assert len(index.asked) == 1
        assert search(client, "slow").status_code == 504  # its place in line was free


def test_a_body_that_does_not_come_is_given_up():
    sent = []

    async def never(*_):
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/search", "headers": []}
    metrics = Metrics()
    asyncio.run(Guard(never, Limits(timeout=0.1), metrics)(scope, never, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"]) == {"error": "The body did not come in time."}
    counted = 'keras_teran_requests_total{route="page",status="408"} 1.0'
    assert counted in metrics.text().splitlines()
