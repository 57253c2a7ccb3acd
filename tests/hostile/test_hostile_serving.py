"""The serving client: hostile folders, arguments and servers, one line each."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from support.hostile_rows import Row, check_row, parametrize
from support.tiny_models import tiny_tokenizer

from keras_teran.tf_serving import Client
from keras_teran.tf_serving import _request_checks as checks
from keras_teran.tf_serving._errors import ServingError
from keras_teran.tf_serving._interface import FILE, Interface

CAPTIONS = ["a red square left of a blue disc", "two green rings", "a striped bar"]
WORDS = np.eye(2)[None]
URL = "http://127.0.0.1:9"
SERVER = SimpleNamespace()


@pytest.fixture(scope="module", autouse=True)
def server():
    """Answers every request with `SERVER.answer`, bytes, and `SERVER.status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(SERVER.status)
            self.end_headers()
            self.wfile.write(SERVER.answer)

        def log_message(self, *arguments):
            """Silence."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    SERVER.url = f"http://127.0.0.1:{web.server_port}"
    yield
    web.shutdown()
    thread.join()
    web.server_close()


def write(folder, **changes):
    """What `client/1` of a repository holds, some of its `interface.json` changed."""
    folder.mkdir(exist_ok=True)
    tiny_tokenizer(CAPTIONS, rows=120, max_length=16).save(folder)
    Interface(1, 120, 16, 4, 2, "exclude", (8, 16), (4, 8)).write(folder)
    content = json.loads((folder / FILE).read_text())
    content = {k: v for k, v in (content | changes).items() if v is not Ellipsis}
    (folder / FILE).write_text(json.dumps(content))
    return folder


def interface(**changes):
    return client(changes=changes)


def client(url=URL, changes=(), **options):
    """Opens a client of a folder that is written before."""

    def build(folder):
        write(folder / "client", **dict(changes))
        return lambda: Client(url, folder / "client", **options)

    return build


def tokenizer(file, change):
    def build(folder):
        path = write(folder / "client") / file
        path.write_text(change(path.read_text()))
        return lambda: Client(URL, path.parent)

    return build


def raw(text):
    def build(folder):
        (write(folder / "client") / FILE).write_text(text)
        return lambda: Client(URL, folder / "client")

    return build


def reordered(text):
    lines = text.splitlines()
    return "\n".join([*lines[:5], lines[6], lines[5], *lines[7:]]) + "\n"


FOLDERS = [
    Row(
        "lengths={'foo': 1}",
        client(lengths={"foo": 1}),
        "lengths: foo is a key that is not known here",
    ),
    Row("lengths a list", client(lengths=[8]), "lengths should be a valid dictionary"),
    Row(
        "lengths of a number",
        client(lengths={"token_buckets": 8}),
        "lengths: token_buckets should be a valid list; received 8",
    ),
    Row(
        "lengths of nothing",
        client(lengths={"token_buckets": []}),
        "lengths: token_buckets .*at least 1 item",
    ),
    Row(
        "lengths that fall",
        client(lengths={"region_buckets": [8, 4]}),
        r"lengths: region_buckets: lengths must ascend; received \[8, 4\]",
    ),
    Row(
        "lengths of 0",
        client(lengths={"region_buckets": [0, 4]}),
        "lengths: region_buckets.0 should be greater than 0; received 0",
    ),
    Row(
        "interface.json extra key",
        interface(foo=1),
        "interface.json: foo is a key that is not known here",
    ),
    Row(
        "interface.json vocabulary_size text",
        interface(vocabulary_size="120"),
        "interface.json: vocabulary_size should be a valid integer; received '120'",
    ),
    Row(
        "interface.json max_length null",
        interface(max_length=None),
        "interface.json: max_length should be a valid integer; received None",
    ),
    Row(
        "interface.json of the first format",
        interface(format_version=...),
        "interface.json is of an older format, not of format 1; add the export",
    ),
    Row(
        "interface.json of a later format",
        interface(format_version=2),
        "interface.json is of format 2, not of format 1",
    ),
    Row("interface.json a list", raw("[]"), "interface.json should be a valid dict"),
    Row("interface.json cut off", raw('{"version": 1'), "interface.json is not JSON"),
    Row(
        "interface.json padding of another name",
        interface(padding="some"),
        "interface.json: padding should be 'exclude' or 'zero'; received 'some'",
    ),
    Row(
        "interface.json a bucket of a fraction",
        interface(token_buckets=[8, 16.5]),
        "interface.json: token_buckets.1 should be a valid integer",
    ),
    Row(
        "interface.json one side of a picture",
        interface(image_size=[224]),
        "interface.json: image_size .*at least 2 items",
    ),
    Row(
        "interface.json without a dim",
        interface(embedding_dim=...),
        "interface.json: embedding_dim is missing",
    ),
    Row(
        "interface.json of fewer tokens than the vocabulary",
        interface(vocabulary_size=3),
        "has 120 tokens, the model's table 3 rows",
    ),
    Row(
        "vocab.txt reordered",
        tokenizer("vocab.txt", reordered),
        "vocab.txt is not the file that interface.json names: its SHA-256 differs",
    ),
    Row(
        "tokenizer.json changed",
        tokenizer("tokenizer.json", lambda text: text.replace("true", "false")),
        "tokenizer.json is not the file that interface.json names",
    ),
    Row(
        "timeout NaN", client(timeout=float("nan")), "timeout .*; received nan.*above 0"
    ),
    Row("timeout inf", client(timeout=float("inf")), "timeout .*; received inf"),
    Row("timeout a text", client(timeout="10"), "timeout should be a valid number"),
    Row("retries a fraction", client(retries=1.5), "retries should be a valid integer"),
    Row("backoff NaN", client(backoff=float("nan")), "backoff .*; received nan"),
    Row(
        "max_batch True", client(max_batch=True), "max_batch should be a valid integer"
    ),
    Row("url None", client(url=None), "url=None: give a text"),
    Row("url of a file", client(url="file:///etc/passwd"), "give http://host:port"),
]


@parametrize(FOLDERS)
def test_client(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


def score(folder):
    return Client(SERVER.url, folder).score(WORDS, WORDS)


def encode(folder):
    return Client(SERVER.url, folder).encode_tokens([[2, 5, 3]], np.ones((1, 3), bool))


def answered(change=None, **outputs):
    """A right answer of the caption encoder, some outputs changed or left out."""
    right = {
        "word_embeddings": np.eye(8, 2)[None].tolist(),
        "word_mask": [[True] * 8],
        "caption_embedding": [[1.0, 0.0]],
    } | outputs
    right = {k: v for k, v in right.items() if v is not Ellipsis}
    return json.dumps({"outputs": right}).encode()


ANSWERS = [
    ("answers []", score, b"[]", r"answered no outputs: \[\]"),
    ("answers null", score, b"null", "answered no outputs: None"),
    ("answers a number", score, b"3", "answered no outputs: 3"),
    (
        "answers 200 with an error",
        score,
        b'{"error": "no such model"}',
        "answered no outputs: {'error': 'no such model'}",
    ),
    ("answers HTML", score, b"<html>\n<body>proxy</body>", "answered no JSON"),
    ("answers nothing", score, b"", "answered no JSON"),
    ("answers bytes", score, b"\xff\xfe\x00\x01\x80", "answered no JSON"),
    ("answers half", score, b'{"outputs": [[1.5', "answered no JSON"),
    ("answers deep", score, b"[" * 60_000, "answered no JSON"),
    ("answers 100 MB", score, b" " * 10**8, r"answered more than [\d,]+ bytes"),
    ("answers null outputs", score, b'{"outputs": null}', r"\(\).*expected"),
    ("answers a text", score, b'{"outputs": "1.5"}', r"\(\).*expected"),
    ("answers texts", score, b'{"outputs": [["1.5"]]}', "no numbers"),
    ("answers nulls", score, b'{"outputs": [[null]]}', "no numbers"),
    ("answers objects", score, b'{"outputs": [[{}]]}', "no numbers"),
    ("answers a bool", score, b'{"outputs": [[true]]}', "no numbers"),
    ("answers too much", score, b'{"outputs": [[1e300]]}', "not finite"),
    (
        "answers a huge integer",
        score,
        b'{"outputs": [[1' + b"0" * 400 + b"]]}",
        "no num",
    ),
    (
        "answers other rows",
        score,
        b'{"outputs": [[1], [2, 3]]}',
        "similarity as no array",
    ),
    (
        "answers another batch",
        score,
        b'{"outputs": [[1.5], [2.5]]}',
        r"\(2, 1\).*expected",
    ),
    ("answers no embedding", encode, answered(caption_embedding=...), "expected"),
    (
        "answers NaN",
        encode,
        answered(caption_embedding=[[float("nan"), 0]]),
        "not finite",
    ),
    (
        "answers a mask of numbers",
        encode,
        answered(word_mask=[[0.5] * 8]),
        "word_mask of",
    ),
    (
        "answers a mask of one",
        encode,
        answered(word_mask=[[True]]),
        r"\(1, 1\).*expected",
    ),
]


@pytest.mark.parametrize(
    ("ask", "answer", "says"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)
def test_an_answer_that_is_none_is_one_line(ask, answer, says, tmp_path):
    SERVER.answer, SERVER.status = answer, 200
    with pytest.raises(ServingError, match=says) as caught:
        ask(write(tmp_path / "client"))
    assert "\n" not in str(caught.value)


def test_a_page_of_a_proxy_in_place_of_an_error_is_one_line(tmp_path):
    SERVER.answer, SERVER.status = b"<html>\n<h1>Bad\ngateway</h1>", 502
    with pytest.raises(ServingError, match="answered 502: <html> <h1>Bad gateway") as e:
        score(write(tmp_path / "client"))
    assert "\n" not in str(e.value)


def test_a_right_answer_is_taken(tmp_path):
    SERVER.answer, SERVER.status = answered(), 200
    found = encode(write(tmp_path / "client"))
    assert found["word_embeddings"].tolist() == [[[1, 0], [0, 1], [0, 0]]]
    assert found["word_mask"].dtype == bool


@pytest.mark.parametrize(
    ("function", "arguments", "says"),
    [
        (checks.floats, ("boxes", [[1], [1, 2]], (None, 1)), "boxes is no array"),
        (checks.floats, ("boxes", [["a"]], (None, 1)), "boxes holds <U1; give floats"),
        (checks.floats, ("boxes", [[None]], (None, 1)), "boxes holds object; give"),
        (checks.floats, ("boxes", [[1j]], (None, 1)), "boxes holds complex128; give"),
    ],
)
def test_inputs_of_other_kinds_are_refused_before_they_are_sent(
    function, arguments, says
):
    with pytest.raises(ValueError, match=says):
        function(*arguments)


def test_lengths_of_regions_are_not_given_to_a_model_that_takes_pictures():
    of_pictures = Interface(
        1, 9, 9, 9, 2, "exclude", (8,), (49,), image_size=(224, 224)
    )
    with pytest.raises(ValueError, match="region_buckets are fixed where the model"):
        of_pictures.with_lengths({"region_buckets": [36]})
    assert of_pictures.with_lengths({"token_buckets": (6,)}).token_buckets == (6,)
