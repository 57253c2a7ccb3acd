"""The client when the server is away, slow, or answers nonsense."""

import json
import socket
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from support.served import CAPTIONS
from support.tiny_models import tiny_tokenizer

from keras_teran.tf_serving import Client
from keras_teran.tf_serving._errors import ServingError, UnavailableError
from keras_teran.tf_serving._interface import Interface

WORDS = np.eye(2)[None]
GOOD = {"outputs": [[1.5]]}


@pytest.fixture
def folder(tmp_path):
    """What `client/1` of a repository holds."""
    tiny_tokenizer(CAPTIONS, 120, 120, 16).save(tmp_path)
    Interface(1, 120, 16, 4, 2, "exclude", (8, 16), (4, 8)).write(tmp_path)
    return tmp_path


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the client would have slept."""
    slept = []
    monkeypatch.setattr("keras_teran.tf_serving._client.time.sleep", slept.append)
    return slept


@pytest.fixture
def answering():
    """Starts an HTTP server that gives these (status, content) in turn."""
    servers, stop = [], threading.Event()

    def start(*answers):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked.append((self.path, json.loads(body)))
                status, content = answers[min(len(asked), len(answers)) - 1]
                if status is None:
                    stop.wait(20)
                    return
                self.send_response(status)
                self.end_headers()
                text = content if isinstance(content, str) else json.dumps(content)
                self.wfile.write(text.encode())

            def log_message(self, *arguments):
                """Silence."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    stop.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_unavailability_is_tried_again_with_doubled_waits(folder, waits, answering):
    away = (503, {"error": "loading"})
    url, asked = answering(away, away, (200, GOOD))
    found = Client(url, folder, backoff=0.5).score(WORDS, WORDS)
    assert found.tolist() == [[1.5]]
    assert waits == [0.5, 1.0]
    assert len(asked) == 3


def test_after_the_last_try_the_error_says_so(folder, waits, answering):
    url, asked = answering((503, {"error": "loading"}))
    with pytest.raises(UnavailableError, match="503.*loading"):
        Client(url, folder, retries=2).score(WORDS, WORDS)
    assert len(asked) == 3


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_port_where_nothing_listens_is_unavailable(scheme, folder, waits):
    if scheme == "grpc":
        pytest.importorskip("tensorflow_serving")
    client = Client(f"{scheme}://127.0.0.1:{free_port()}", folder, retries=1)
    with pytest.raises(UnavailableError):
        client.score(WORDS, WORDS)
    assert len(waits) == 1


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_refusal_is_not_tried_again(status, folder, waits, answering):
    url, asked = answering((status, {"error": "no such thing"}))
    with pytest.raises(ServingError, match=f"{status}.*no such thing") as raised:
        Client(url, folder).score(WORDS, WORDS)
    assert not isinstance(raised.value, UnavailableError)
    assert (len(asked), waits) == (1, [])


def test_a_time_out_is_not_tried_again(folder, waits, answering):
    url, asked = answering((None, None))
    with pytest.raises(TimeoutError, match="no answer within 0.2 s"):
        Client(url, folder, timeout=0.2).score(WORDS, WORDS)
    assert (len(asked), waits) == (1, [])


def test_a_time_out_over_grpc_is_not_tried_again(folder, waits):
    grpc = pytest.importorskip("grpc")
    protos = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    stop, asked = threading.Event(), []

    class Slow(protos.PredictionServiceServicer):
        def Predict(self, request, context):
            asked.append(request.model_spec.name)
            stop.wait(20)

    server = grpc.server(futures.ThreadPoolExecutor(1))
    protos.add_PredictionServiceServicer_to_server(Slow(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with (
            Client(f"grpc://127.0.0.1:{port}", folder, timeout=0.5) as client,
            pytest.raises(TimeoutError, match="DEADLINE_EXCEEDED"),
        ):
            client.score(WORDS, WORDS)
    finally:
        stop.set()
        server.stop(None)
    assert (asked, waits) == (["scorer"], [])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"outputs": [[NaN]]}', "similarity with numbers that are not finite"),
        ('{"outputs": [[Infinity]]}', "not finite"),
        ({"outputs": [[1.0, 2.0]]}, r"answered .*\(1, 2\).*expected .*\(1, 1\)"),
        ({"outputs": {"other": [[1.0]]}}, "scorer answered {}; expected"),
        ({"outputs": [["a"]]}, "not finite"),
        ("<html>", "answered no JSON"),
    ],
)
def test_an_answer_that_is_none_raises(answer, message, folder, answering):
    url, _ = answering((200, answer))
    with pytest.raises(ServingError, match=message):
        Client(url, folder).score(WORDS, WORDS)


def test_requests_are_split_to_the_largest_batch_and_padded_to_buckets(
    folder, answering
):
    url, asked = answering((200, {"outputs": [[1.0, 1.0]]}), (200, GOOD))
    client = Client(url, folder, max_batch=2)
    found = client.score(np.zeros((1, 5, 2)), np.zeros((3, 3, 2)))
    assert found.tolist() == [[1.0, 1.0, 1.5]]
    shapes = [
        {name: np.shape(value) for name, value in body["inputs"].items()}
        for _, body in asked
    ]
    assert shapes == [
        {"region_embeddings": (1, 8, 2), "word_embeddings": (2, 8, 2)},
        {"region_embeddings": (1, 8, 2), "word_embeddings": (1, 8, 2)},
    ]
    assert {path for path, _ in asked} == {"/v1/models/scorer/versions/1:predict"}


def test_embeddings_of_the_original_rule_are_scored_at_their_own_widths(
    folder, answering
):
    Interface(1, 120, 16, 4, 2, "zero", (8, 16), (4, 8)).write(folder)
    url, asked = answering((200, GOOD))
    Client(url, folder).score(np.zeros((1, 5, 2)), np.zeros((1, 3, 2)))
    inputs = asked[0][1]["inputs"]
    assert np.shape(inputs["region_embeddings"]) == (1, 5, 2)
    assert np.shape(inputs["word_embeddings"]) == (1, 3, 2)


def test_one_length_for_all_clients_may_be_given(folder, answering):
    url, asked = answering((200, GOOD))
    lengths = {"token_buckets": [6], "region_buckets": [7]}
    Client(url, folder, lengths=lengths).score(np.zeros((1, 5, 2)), WORDS)
    inputs = asked[0][1]["inputs"]
    assert np.shape(inputs["region_embeddings"]) == (1, 7, 2)
    assert np.shape(inputs["word_embeddings"]) == (1, 6, 2)


def test_addresses_and_sizes_that_make_no_sense_are_refused(folder):
    with pytest.raises(ValueError, match="url='localhost:8500'.*grpc://host:port"):
        Client("localhost:8500", folder)
    for wrong in ({"timeout": 0}, {"retries": -1}, {"max_batch": 0}):
        with pytest.raises(ValueError, match="give a timeout above 0"):
            Client("http://localhost", folder, **wrong)
