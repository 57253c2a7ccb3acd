"""The service given an image that is not in its index."""

import io

import numpy as np
import pytest
from support.search_double import FOREIGN, HELD, DoubleIndex
from support.web_client import IMAGES, client_of, refusal


@pytest.fixture
def client():
    with client_of(DoubleIndex(IMAGES)) as client:
        yield client


def upload(client, path="/api/sentences", **arrays):
    """Posts the file of an image; its first number says which of the double's it is."""
    stream = io.BytesIO()
    regions = np.full((3, 2), 11, "float32")
    boxes = np.float32([[0, 0, 1, 1]] * 3)
    np.savez(stream, **{"regions": regions, "boxes": boxes, **arrays})
    headers = {"content-type": "application/octet-stream"}
    return client.post(path, content=stream.getvalue(), headers=headers)


def test_an_uploaded_image_finds_sentences(client):
    hits = upload(client, "/api/sentences?top=2").json()["hits"]
    assert hits[0]["caption"] == "a blue square"
    assert [hit["score"] for hit in hits] == pytest.approx(
        [3 * HELD, HELD + 2 * FOREIGN]
    )
    only = upload(client, "/api/sentences?where=image_id=12").json()["hits"]
    assert [hit["id"] for hit in only] == [12]
    assert refusal(upload(client, "/api/sentences?where=image_id"), 400)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"regions": np.full((3, 2), np.nan)}, "image: regions hold a number that is"),
        ({"regions": np.zeros((3, 5))}, "image must be one image: regions (n, 2), "),
        ({"boxes": np.zeros((2, 4))}, "image must be one image: "),
        ({"boxes": np.full((3, 4), 9.0)}, "image: box (0,) lies outside 0..1: "),
        (
            {"regions": np.zeros((201, 2))},
            "The body: regions has shape (201, 2); give ",
        ),
        (
            {"boxes": np.array([None] * 3)},
            "The body: boxes must hold bools, integers or floats",
        ),
        ({"labels": np.zeros(3)}, "The body holds 'labels'; give the arrays regions,"),
    ],
)
def test_an_upload_that_is_no_image_is_told_so(client, arrays, message):
    assert refusal(upload(client, **arrays), 400).startswith(message)


def test_an_upload_is_bounded_and_of_a_kind_that_no_other_site_can_send():
    with client_of(DoubleIndex(IMAGES), upload_bytes=1000) as client:
        body, kind = b"x" * 1001, {"content-type": "application/octet-stream"}
        response = client.post("/api/sentences", content=body, headers=kind)
        assert refusal(response, 413) == "The body is over 1,000 bytes."
        assert refusal(upload(client, regions=np.zeros((90, 2))), 413)
        for kind in ("text/plain", "multipart/form-data", ""):
            headers = {"content-type": kind}
            response = client.post("/api/sentences", content=b"x", headers=headers)
            told = refusal(response, 415)
            assert told == "Send the .npz file as application/octet-stream."


def test_only_an_upload_may_be_large(client):
    told = refusal(client.post("/api/search", content=b"x" * 70_000), 413)
    assert told == "The body is over 65,536 bytes."
    large = np.zeros((150, 200), "float32")  # 120,000 bytes: read, and then refused
    assert "regions (n, 2)" in refusal(upload(client, regions=large), 400)
