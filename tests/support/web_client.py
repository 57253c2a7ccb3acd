"""The service over the double of the index, as a client of HTTP sees it."""

from fastapi.testclient import TestClient

from keras_teran.web._limits import Limits
from keras_teran.web._service import create_app

SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script> ring"
IMAGES = [
    {"caption": "a red circle", "filename": "red.png"},
    {"caption": "a blue square", "filename": "blue.png"},
    {"caption": SCRIPT, "filename": "<script>alert(1)</script>.png"},
]


def client_of(index, pictures=None, **limits):
    app = create_app(index, pictures, Limits(**limits))
    return TestClient(app, raise_server_exceptions=False)


def search(client, text, **more):
    return client.post("/api/search", json={"text": text, **more})


def refusal(response, status):
    """The message of a refused request; every refusal is JSON of one shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert "Traceback" not in response.text
    return response.json()["error"]
