"""The service over a double of the index: what it answers, and what it refuses."""

import logging

import pytest
from fastapi.testclient import TestClient
from support.search_double import FOREIGN, HELD, QUARTERS, DoubleIndex
from support.web_client import IMAGES, SCRIPT, client_of, refusal, search

from keras_teran.web._limits import Limits
from keras_teran.web._service import STATIC, create_app

PNG = b"\x89PNG\r\n\x1a\n a picture"


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "red.png").write_bytes(PNG)
    return pictures


@pytest.fixture
def client(folder):
    with client_of(DoubleIndex(IMAGES), folder) as client:
        yield client


def test_a_sentence_finds_images_best_first_and_says_why(client):
    best, *_ = search(client, "red circle", top=2).json()["hits"]
    assert best["id"] == 10
    assert best["score"] == pytest.approx(2 * HELD)
    assert best["boxes"] == QUARTERS
    assert best["payload"]["filename"] == "red.png"
    assert best["words"][1] == {
        "text": "circle",
        "span": [4, 10],
        "region": 2,  # the third word of "a red circle"
        "cosine": HELD,
        "weight": 1.0,
    }


def test_top_bounds_the_number_of_images(client):
    assert len(search(client, "red", top=2).json()["hits"]) == 2


def test_weights_change_score_and_order(client):
    hits = search(client, "red square", word_weights=[0, 2]).json()["hits"]
    assert [hit["id"] for hit in hits[:2]] == [11, 10]
    assert [hit["score"] for hit in hits[:2]] == pytest.approx([2 * HELD, 2 * FOREIGN])


def test_an_image_finds_sentences(client):
    found = client.get("/api/images/11/sentences?top=2").json()
    assert found["image"]["payload"]["filename"] == "blue.png"
    first, second = found["hits"]
    assert first["caption"] == "a blue square"
    assert first["score"] == pytest.approx(3 * HELD)
    assert second["score"] == pytest.approx(HELD + 2 * FOREIGN)  # they share "a"


def test_the_words_of_a_sentence_are_found_in_one_image(client):
    found = client.post("/api/images/10/words", json={"text": "blue circle"}).json()
    assert [word["region"] for word in found["words"]] == [3, 2]
    assert found["boxes"] == QUARTERS


@pytest.mark.parametrize("pooling, weighable", [("MrSw", True), ("Symm", False)])
def test_about_says_what_the_page_may_ask(folder, pooling, weighable):
    with client_of(DoubleIndex(IMAGES, pooling), folder, top=7) as client:
        about = client.get("/api/about").json()
    assert (about["images"], about["captions"]) == (3, 3)
    assert (about["pooling"], about["weights"]) == (pooling, weighable)
    assert about["pictures"] is True
    assert about["limits"]["top"] == 7


def test_health_counts_the_images(client):
    assert client.get("/health").json() == {"status": "ok", "images": 3}


@pytest.mark.seconds
@pytest.mark.parametrize(
    "question, message",
    [
        ({"text": ""}, "text: String should have at least 1 character"),
        ({"text": "  "}, "text: give at least one word."),
        ({}, "text: Field required"),
        ({"text": "a", "top": 0}, "top: Input should be greater than or equal to 1"),
        ({"text": "a", "top": 101}, "top: Input should be less than or equal to 100"),
        ({"text": "a", "topp": 3}, "topp: Extra inputs are not permitted"),
        (
            {"text": "a", "word_weights": [-1]},
            "word_weights.0: Input should be greater than or equal to 0",
        ),
        ({"text": "a", "top": True}, "top: Input should be a valid integer"),
        ({"text": "a", "top": "5"}, "top: Input should be a valid integer"),
        ({"text": "a", "exact": "yes"}, "exact: Input should be a valid boolean"),
        (
            {"text": "a", "word_weights": ["1"]},
            "word_weights.0: Input should be a valid number",
        ),
        ({"text": 5}, "text: Input should be a valid string"),
        ({"text": "a", "word_weights": [1, 1]}, "word_weights has 2 numbers."),
        ({"text": "!?"}, "No word of the sentence is known."),
        ({"text": "a " * 201}, "text: 201 words; at most 200 are read."),
        ({"text": "a" * 2001}, "text: String should have at most 2000 characters"),
    ],
)
def test_a_question_that_cannot_be_answered_is_told_so(client, question, message):
    assert refusal(client.post("/api/search", json=question), 400) == message


def test_weights_that_are_no_numbers_are_refused(client):
    body = b'{"text": "a", "word_weights": [NaN]}'
    headers = {"content-type": "application/json"}
    response = client.post("/api/search", content=body, headers=headers)
    assert "word_weights.0: Input should be" in refusal(response, 400)


def test_ten_thousand_words_are_refused_before_the_index_is_asked(folder):
    index = DoubleIndex(IMAGES)
    with client_of(index, folder) as client:
        assert "at most 2000" in refusal(search(client, "word " * 10_000), 400)
        assert "bytes" in refusal(search(client, "longword " * 10_000), 413)
    assert index.asked == []


def test_what_is_no_json_is_refused(client):
    headers = {"content-type": "application/json"}
    response = client.post("/api/search", content=b"{", headers=headers)
    assert "JSON" in refusal(response, 400)
    # A form of another site cannot send JSON; what it can send is not read.
    headers = {"content-type": "text/plain"}
    response = client.post("/api/search", content=b'{"text": "red"}', headers=headers)
    refusal(response, 400)
    refusal(client.post("/api/search", content=b'{"text": "red"}'), 400)


def test_a_body_is_bounded_whether_or_not_its_length_is_told(folder):
    with client_of(DoubleIndex(IMAGES), folder, body_bytes=1000) as client:
        told = client.post("/api/search", content=b"x" * 1001)
        assert refusal(told, 413) == "The body is over 1,000 bytes."
        untold = client.post("/api/search", content=(b"x" * 300 for _ in range(4)))
        assert refusal(untold, 413) == "The body is over 1,000 bytes."


def test_a_length_of_thousands_of_digits_is_too_large(client):
    headers = {"content-type": "application/json", "content-length": "9" * 5000}
    refusal(client.post("/api/search", content="{}", headers=headers), 413)


@pytest.mark.parametrize("path", ["sentences", "picture"])
def test_an_unknown_image_is_not_found(client, path):
    message = refusal(client.get(f"/api/images/99/{path}"), 404)
    assert message == "There is no image 99 in this index."
    refusal(client.get(f"/api/images/-1/{path}"), 400)
    refusal(client.get(f"/api/images/{2**63}/{path}"), 400)
    refusal(client.get(f"/api/images/x/{path}"), 400)


def test_unknown_paths_and_methods_are_refused_as_json(client):
    assert refusal(client.get("/nothing"), 404) == "Not Found"
    assert refusal(client.get("/api/search"), 404) == "Not Found"
    assert refusal(client.post("/"), 405) == "Method Not Allowed"
    for path in ("/../service.py", "/..%2fservice.py", "/%2e%2e/service.py"):
        refusal(client.get(path), 404)


def test_a_bug_shows_no_inside_but_is_logged(client, caplog):
    with caplog.at_level(logging.ERROR):
        message = refusal(search(client, "broken"), 500)
    assert message == "The service failed; its log says why."
    assert "a secret of the inside" in caplog.text


def test_a_dead_engine_is_told_without_its_address(client, caplog):
    assert refusal(search(client, "dead"), 503) == "The index does not answer."
    assert "http://inside:6333" in caplog.text


def test_a_picture_is_served_as_a_picture(client):
    response = client.get("/api/images/10/picture")
    assert response.content == PNG
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "private, max-age=3600"


def test_without_a_folder_no_picture_is_served():
    with client_of(DoubleIndex(IMAGES)) as client:
        assert client.get("/api/about").json()["pictures"] is False
        message = refusal(client.get("/api/images/10/picture"), 404)
    assert message == "No pictures are served: start with --pictures."


def test_a_missing_folder_of_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder of pictures .*no"):
        create_app(DoubleIndex(IMAGES), tmp_path / "no")


@pytest.mark.parametrize("path", ["/", "/api/about", "/nothing", "/openapi.json"])
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    policy = dict(
        part.strip().split(" ", 1)
        for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_no_other_site_may_read(client):
    headers = {"origin": "https://elsewhere.example"}
    response = client.get("/api/about", headers=headers)
    assert not [name for name in response.headers if "access-control" in name]
    asking = {**headers, "access-control-request-method": "POST"}
    assert client.options("/api/search", headers=asking).status_code == 405


def test_a_foreign_host_name_is_refused(folder):
    app = create_app(DoubleIndex(IMAGES), folder, hosts={"127.0.0.1", "[::1]"})
    with TestClient(app) as client:
        for host, status in [
            ("127.0.0.1:8000", 200),
            ("[::1]:8000", 200),
            ("elsewhere.example", 400),
            ("", 400),
        ]:
            response = client.get("/health", headers={"host": host})
            assert response.status_code == status, host


def test_the_page_holds_no_inline_or_foreign_script(client):
    page = client.get("/").text
    tag = '<script type="module" src="router.js">'
    assert page.count("<script") == page.count(tag) == 1
    assert "<style" not in page and "http" not in page and " on" + "click" not in page
    served = {path.name for path in STATIC.iterdir()} - {"index.html", "icon.svg"}
    assert {"router.js", "results.js", "sentences.js", "page.css"} <= served
    for name in served | {"theme.css"}:
        text = client.get(f"/{name}").text
        foreign = text.replace("http://www.w3.org/2000/svg", "")
        assert "http" not in foreign and "//cdn" not in foreign, name
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text, name
    assert "--accent" in client.get("/theme.css").text
    refusal(client.get("/report.html"), 404)


def test_hostile_captions_come_as_json_and_nothing_else(client):
    response = search(client, "ring")
    assert response.headers["content-type"] == "application/json"
    assert response.json()["hits"][0]["payload"]["captions"] == [SCRIPT]


def test_the_openapi_document_tells_limits_and_errors(folder):
    with client_of(DoubleIndex(IMAGES), folder, text_length=123, top=45) as client:
        document = client.get("/openapi.json").json()
    question = document["components"]["schemas"]["SearchQuestion"]["properties"]
    assert question["text"]["maxLength"] == 123
    assert question["top"]["maximum"] == 45
    operations = [own for path in document["paths"].values() for own in path.values()]
    assert len(operations) == 8
    assert "additionalProperties" in question["where"]["anyOf"][0]
    body = document["paths"]["/api/sentences"]["post"]["requestBody"]
    assert body["required"] and "4,194,304 bytes" in body["description"]
    kind = body["content"]["application/octet-stream"]
    assert kind["schema"] == {"type": "string", "format": "binary"}
    for operation in operations:
        assert operation["description"]
        assert {"4XX", "5XX"} <= set(operation["responses"])
        assert "422" not in operation["responses"]


def test_metrics_count_by_route_and_never_by_what_was_asked(client):
    search(client, "red")
    search(client, "")
    search(client, "dead")
    client.get("/api/images/10/sentences")
    client.get("/some-secret")
    lines = client.get("/metrics").text.splitlines()
    requests = 'keras_teran_requests_total{route="/api/search",status='
    for status in (200, 400, 503):
        assert f'{requests}"{status}"}} 1.0' in lines
    assert 'keras_teran_errors_total{route="/api/search"} 1.0' in lines
    own = 'route="/api/search"'
    assert f'keras_teran_request_seconds_bucket{{le="+Inf",{own}}} 3.0' in lines
    assert f"keras_teran_request_seconds_count{{{own}}} 3.0" in lines
    assert any('route="/api/images/{image_id}/sentences"' in line for line in lines)
    assert not any("secret" in line or "/10/" in line for line in lines)


@pytest.mark.parametrize("name", ["top", "timeout", "workers"])
def test_a_limit_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be above 0"):
        Limits(**{name: 0})
    with pytest.raises(ValueError, match=f"{name}=nan must be above 0"):
        Limits(**{name: float("nan")})


def test_the_line_counts_the_searches_under_way():
    with pytest.raises(ValueError, match="waiting=2 .* give at least workers=3"):
        Limits(workers=3, waiting=2)
