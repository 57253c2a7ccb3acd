"""A key goes only to an address that the user gave in this call."""

import pytest
from support.header_server import recording
from support.search_index import write_run

from keras_teran.cli.main import main
from keras_teran.search import Index
from keras_teran.search._address import server_key
from keras_teran.search._index_manifest import FORMAT, hash_model, write_manifest

KEY = "a-secret-key"
LOCAL = "http://127.0.0.1:6333"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture
def index(run, tmp_path):
    """Function of a server's URL to the folder of a whole index kept there."""

    def write(url):
        folder = tmp_path / "index"
        folder.mkdir(exist_ok=True)
        kept = {"count": 0, "sha256": "0" * 64}
        manifest = {
            "format": FORMAT,
            "complete": True,
            "engine": url,
            "dtype": "float32",
            "prefix": "keras_teran_0123456789ab",
            "model": hash_model(run),
            "data": "0" * 64,
            "regions_per_image": None,
            "run": str(run),
            "pooling": "MrSw",
            "padding": "exclude",
            "dim": 8,
            "files": None,
            "widths": {"images": 4, "captions": 9},
            "storage": dict.fromkeys(("shards", "replicas"))
            | dict.fromkeys(("on_disk", "quantize"), False),
            "points": {"images": kept, "captions": kept},
        }
        write_manifest(folder, manifest)
        return folder

    return write


def keys_of(server):
    return {headers.get("api-key") for _, headers in server.seen}


@pytest.mark.seconds
@pytest.mark.parametrize("command", ["search", "serve", "verify"])
def test_no_key_goes_to_a_server_that_only_the_index_names(
    command, index, monkeypatch, capsys
):
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    with recording() as server:
        folder = str(index(server.url))
        asked = {
            "search": ["search", folder, "a ring"],
            "serve": ["serve", folder, "--port", "0"],
            "verify": ["index", "verify", folder],
        }[command]
        assert main(asked) == 2
        assert server.seen == []
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and KEY not in said
    assert f"give --engine {server.url} if it is yours" in said


@pytest.mark.seconds
def test_nor_does_one_that_is_an_argument(index):
    with (
        recording() as server,
        pytest.raises(ValueError, match="an address given in t"),
    ):
        Index.open(index(server.url), api_key=KEY)
    assert server.seen == []


def test_it_goes_to_the_server_that_the_user_gives_and_to_no_other(index, monkeypatch):
    with recording() as told, recording() as given:
        folder = index(told.url)
        Index.open(folder, api_key=KEY, engine=given.url).close()
        assert told.seen == [] and keys_of(given) == {KEY}
        monkeypatch.setenv("QDRANT_API_KEY", KEY)
        Index.open(folder, engine=told.url).close()
        assert keys_of(told) == {KEY}


def test_without_a_key_the_index_may_name_its_server(index, monkeypatch):
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    with recording() as server:
        Index.open(index(server.url)).close()
        assert keys_of(server) == {None}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_takes_the_key_nowhere(status, index):
    with recording() as elsewhere, recording(status, location=elsewhere.url) as server:
        with pytest.raises(OSError, match=f"answered {status}"):
            Index.open(index(server.url), api_key=KEY, engine=server.url)
        assert elsewhere.seen == [] and keys_of(server) == {KEY}


@pytest.mark.parametrize(
    "body",
    [b"no json", b"[]", b'{"result": 7}', b"{\n" * 3000, b"\xff\xfe"],
    ids=["text", "list", "number", "deep", "bytes"],
)
def test_an_answer_that_is_none_is_one_line(body, index):
    with (
        recording(body=body) as server,
        pytest.raises(OSError, match=server.url) as told,
    ):
        Index.open(index(server.url)).counts  # noqa: B018
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        *("http://10.0.0.7:6333", "http://qdrant:6333", "http://localhost.example"),
        *("http://127.0.0.1.example:6333", "http://0.0.0.0:6333", "http://[fe80::1]"),
    ],
)
def test_a_key_travels_unencrypted_on_this_machine_alone(url):
    with pytest.raises(ValueError, match="would travel unencrypted to .* https://"):
        server_key(url, KEY)
    assert server_key(url) is None
    assert server_key(url.replace("http:", "https:"), KEY) == KEY


@pytest.mark.parametrize("url", [LOCAL, "http://localhost", "http://[::1]:6333"])
def test_this_machine_may_be_told_it(url):
    assert server_key(url, KEY) == KEY


@pytest.mark.parametrize("key", ["a\nb", "a b", "ä", "\x00", 7])
def test_a_key_that_no_header_holds_is_refused_and_not_repeated(key):
    with pytest.raises(ValueError, match="must be printable ASCII") as told:
        server_key(LOCAL, key)
    assert repr(key) not in str(told.value)


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
