"""What every test gets: a fixed seed, no network, and the data where there is any."""

import os
import random
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from support.quick_models import quick_models

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

TESTS = Path(__file__).parent
# Models, losses, layers and exports are tested as they run; so is training, by
# the quickstart and by tests/backends.
QUICK = {
    "cli",
    "data",
    "evaluation",
    "hostile",
    "pipeline",
    "search",
    "training",
    "tf_serving",
    "vision",
    "web",
}
LOOPBACK = ("127.", "::1", "localhost")

# Other runtimes, each in an environment of its own: `make test-deployment`.
collect_ignore = ["deployment"]


def pytest_ignore_collect(collection_path):
    """Doctests are the package's: of the files here, only tests are collected.

    The others may import what an environment lacks, such as PyTorch.
    """
    helper = not collection_path.name.startswith(("test_", "conftest"))
    return True if collection_path.suffix == ".py" and helper else None


def pytest_collection_modifyitems(items):
    """Marks what reads real data or drives a browser, by the fixtures it asks for."""
    for item in items:
        for fixture, mark in (("shared", "data"), ("browser", "browser")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)


@pytest.fixture(autouse=True)
def seeded():
    """Seed Python, NumPy and, where it has been imported, Keras."""
    random.seed(0)
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def quick(request):
    """Takes `quick_models` in the folders whose claims do not depend on a graph."""
    folder = request.path.relative_to(TESTS).parts[0]
    if folder not in QUICK or os.environ["KERAS_BACKEND"] != "tensorflow":
        yield
        return
    with quick_models():
        yield


@pytest.fixture(autouse=True, scope="session")
def offline():
    """Refuse connections beyond this machine."""
    connect = socket.socket.connect

    def refuse(self, address):
        if self.family != socket.AF_UNIX and not address[0].startswith(LOOPBACK):
            raise OSError(f"the tests run offline; {address} was asked for")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="session")
def shared():
    """The folder of real data, KERAS_TERAN_SHARED or ../shared; skips without it."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("KERAS_TERAN_SHARED", default))
    if not folder.is_dir():
        pytest.skip(f"needs real data: no folder {folder} (set KERAS_TERAN_SHARED)")
    return folder
