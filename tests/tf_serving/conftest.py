"""Clients of the `server` that a file of tests starts."""

import pytest


@pytest.fixture
def client(server, request):
    """A client over the transport that the test names, or else REST."""
    transport = request.node.callspec.params.get("transport", "rest")
    if not server.urls[transport]:
        pytest.skip(f"no address of a TF Serving for {transport} was given")
    with server.client(transport, max_batch=2) as found:
        yield found


@pytest.fixture
def rest(server):
    with server.client("rest") as found:
        yield found
