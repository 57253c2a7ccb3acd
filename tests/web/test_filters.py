"""The service asked for images and sentences of a certain payload."""

import pytest
from support.search_double import DoubleIndex
from support.web_client import IMAGES, client_of, refusal, search


@pytest.fixture
def client():
    with client_of(DoubleIndex(IMAGES)) as client:
        yield client


@pytest.mark.parametrize(
    "where, ids",
    [
        ({"filename": "blue.png"}, [11]),
        ({"filename": ["red.png", "blue.png"]}, [10, 11]),
        ({"filename": ["red.png"], "absent": True}, []),
        ({}, [10, 11, 12]),
        (None, [10, 11, 12]),
    ],
)
def test_images_can_be_asked_by_their_payload(client, where, ids):
    hits = search(client, "a", where=where).json()["hits"]
    assert sorted(hit["id"] for hit in hits) == ids


def test_sentences_can_be_asked_by_their_payload(client):
    def found(*where):
        asked = {"where": where}
        response = client.get("/api/images/10/sentences", params=asked)
        return sorted(hit["payload"]["image_id"] for hit in response.json()["hits"])

    assert found("image_id=11") == [11]
    assert found("image_id=[10, 12]") == [10, 12]
    assert found("image_id=11", "caption=a blue square") == [11]
    assert found('image_id="11"') == []
    assert found() == [10, 11, 12]


@pytest.mark.seconds
@pytest.mark.parametrize(
    "question, message",
    [
        (
            {"text": "a", "where": ["kind"]},
            "where must be a dict of payload keys; received ['kind'].",
        ),
        (
            {"text": "a", "where": {"kind": 1.5}},
            "where['kind'] must be a str, int of 64 bits or bool, or a list of one "
            "kind; received '1.5'.",
        ),
        (
            {"text": "a", "where": {"kind": {"a": 1}}},
            "where['kind'] must be a str, int of 64 bits or bool, or a list of one "
            "kind; received \"{'a': 1}\".",
        ),
        (
            {"text": "a", "where": {'a"b': 1}},
            "where has the key 'a\"b'; give the name of a payload field, without "
            "quotation marks and backslashes.",
        ),
    ],
)
def test_a_filter_of_images_that_means_nothing_is_told_so(client, question, message):
    assert refusal(client.post("/api/search", json=question), 400) == message


@pytest.mark.parametrize(
    "where, message",
    [
        ("kind", "where 'kind' has no =; give KEY=VALUE."),
        ("kind=1.5", "where['kind'] must be a str, int of 64 bits or bool, or a "),
    ],
)
def test_a_filter_of_sentences_that_means_nothing_is_told_so(client, where, message):
    response = client.get("/api/images/10/sentences", params={"where": where})
    assert refusal(response, 400).startswith(message)


def test_what_is_no_json_in_a_filter_is_text(client):
    asked = {"where": "caption=" + "[" * 9_000}
    response = client.get("/api/images/10/sentences", params=asked)
    assert response.json()["hits"] == []
