"""`keras-teran serve`: its options and what it refuses before it serves."""

import argparse
import re
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
import uvicorn
from fastapi.testclient import TestClient
from support.search_double import DoubleIndex

from keras_teran import search
from keras_teran.cli import serve as command


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    return lambda *given: parser.parse_args(["serve", *given])


def test_it_listens_on_this_machine_alone_by_default(parse):
    arguments = parse("INDEX")
    assert (arguments.host, arguments.port) == ("127.0.0.1", 8000)
    assert arguments.pictures is None


def test_a_time_without_end_is_refused(parse):
    arguments = parse("INDEX", "--timeout", "inf")
    with pytest.raises(ValueError, match="timeout=inf must be above 0, and finite"):
        arguments.command(arguments)


@pytest.mark.parametrize("option", ["--timeout", "--workers"])
def test_limits_of_nothing_are_refused(parse, option):
    arguments = parse("INDEX", option, "0")
    with pytest.raises(ValueError, match=f"{option[2:]}=0.* must be above 0"):
        arguments.command(arguments)


class OpenedIndex(DoubleIndex):
    """A double that knows how it was opened, and whether it was closed."""

    def __init__(self, *given, **named):
        super().__init__([{"caption": "a red circle", "filename": "red.png"}])
        self.given, self.named, self.closed, self.encoded = given, named, False, []
        self.matcher.encode = self.encoded.append

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


@pytest.fixture
def serve(parse, monkeypatch):
    """Function of arguments to what was opened, and to what the server was given."""
    seen = SimpleNamespace()

    def open_index(*given, **named):
        seen.index = OpenedIndex(*given, **named)
        return seen.index

    def run(server, sockets):
        seen.open_while_served = not seen.index.closed
        with TestClient(server.config.app) as client:
            foreign = {"host": "elsewhere.example"}
            seen.foreign = client.get("/health", headers=foreign).status_code
            seen.own = client.get("/health", headers={"host": "127.0.0.1"}).status_code

    monkeypatch.setattr(search.Index, "open", open_index)
    monkeypatch.setattr(uvicorn.Server, "run", run)

    def call(*given):
        arguments = parse(*given)
        arguments.command(arguments)
        return seen

    return call


def test_it_opens_serves_and_closes_the_index(serve, monkeypatch, capsys):
    monkeypatch.setenv("QDRANT_API_KEY", "a key")
    seen = serve("INDEX", "--run", "RUN", "--port", "0")
    assert seen.index.given == ("INDEX", "RUN")
    assert seen.index.named == {"engine": None}
    assert seen.index.encoded == [["a"]]  # the model is there before a visitor is
    assert seen.open_while_served and seen.index.closed
    said = capsys.readouterr()
    assert re.match(r"http://127.0.0.1:\d+ serves INDEX; Ctrl-C ends it.\n", said.out)
    assert "a key" not in said.out + said.err
    assert (seen.own, seen.foreign) == (200, 400)


def test_it_warns_where_others_can_reach_it(serve, capsys):
    seen = serve("INDEX", "--host", "0.0.0.0", "--port", "0")
    assert "there is no login" in capsys.readouterr().err
    assert seen.foreign == 200


def test_a_folder_of_pictures_that_is_not_there_is_refused(serve, tmp_path):
    missing = str(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="There is no folder of pictures"):
        serve("INDEX", "--port", "0", "--pictures", missing)


def test_a_port_that_is_taken_is_told():
    with command.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"--port {port}: Address already in use"):
            command.listen("127.0.0.1", port)


def test_a_port_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="--port 70000: give 0 .* to 65535"):
        command.listen("127.0.0.1", 70000)


def test_a_host_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="--host 999.0.0.1: no such address"):
        command.listen("999.0.0.1", 0)


def test_only_a_service_for_others_takes_any_host_name():
    with command.listen("127.0.0.1", 0) as listening:
        names = command.names_of("127.0.0.1", listening)
        port = listening.getsockname()[1]
        assert command.address_of(listening) == f"http://127.0.0.1:{port}"
    assert {"127.0.0.1", "localhost", "[::1]"} <= names
    with command.listen("0.0.0.0", 0) as listening:
        assert command.names_of("0.0.0.0", listening) is None


def test_without_the_extra_it_says_what_to_install(parse, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    arguments = parse("INDEX")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'keras-teran\[web\]'"):
        arguments.command(arguments)


@pytest.mark.process
def test_its_parser_loads_no_framework():
    program = (
        "import sys, keras_teran.cli.serve as _\n"
        "print(sorted({'fastapi', 'uvicorn', 'keras', 'numpy'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_an_address_of_ipv6_is_written_as_one():
    try:
        listening = command.listen("::1", 0)
    except ValueError:
        pytest.skip("needs IPv6: this machine has no ::1")
    with listening:
        port = listening.getsockname()[1]
        assert listening.family == socket.AF_INET6
        assert command.address_of(listening) == f"http://[::1]:{port}"
        assert "[::1]" in command.names_of("::1", listening)
