"""One small export, and what Keras says of it: the programs have to find the same."""

import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import litert
import node
import numpy as np
import pytest

from keras_teran.text._tokenizer import CaptionTokenizer

CAPTIONS = [
    "a red square left of a blue disc",
    "two green rings",
    "a striped bar",
    "Two cafés; one's DÉJÀ vu!",
    "一只狗在草地上 dogs",
]
IMAGES, REGIONS = 30, 5
UNREACHABLE = re.compile(
    "ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|network", re.IGNORECASE
)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    """An export, the stored region embeddings, and the Keras model itself."""
    tokenizer = CaptionTokenizer.train(CAPTIONS, 190, max_length=12)
    return written(tmp_path_factory.mktemp("deployed"), tokenizer)


@pytest.fixture(scope="session")
def deployed_original(tmp_path_factory):
    """The same of a model that scores by the original's rules, and is cased."""
    tokenizer = CaptionTokenizer.train(CAPTIONS, 190, lowercase=False, max_length=96)
    rules = {"pooling": "Symm", "padding": "zero", "drop_last_word": True}
    return written(tmp_path_factory.mktemp("original"), tokenizer, **rules)


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """A copy of the program with its packages installed, away from this project."""
    if not shutil.which("npm"):
        pytest.skip("needs Node.js: no npm on PATH")
    folder = tmp_path_factory.mktemp("javascript") / "program"
    shutil.copytree(node.PROGRAM, folder, ignore=shutil.ignore_patterns("node_modules"))
    found = node.run(["npm", "ci", "--no-audit", "--no-fund"], folder)
    if found.returncode and UNREACHABLE.search(found.stderr):
        pytest.skip(f"npm reaches no registry: {found.stderr.splitlines()[0]}")
    assert found.returncode == 0, found.stderr
    return folder


@pytest.fixture
def node_search(program, tmp_path):
    """Runs the search; it sees no Python at all."""

    def call(*arguments):
        command = ["node", program / "search.mjs", *map(str, arguments)]
        return node.run(command, tmp_path)

    call.scorer, call.refusal = "onnx/scorer.onnx", node.refusal
    return call


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The interpreter of an environment that holds the program's requirements only."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    requirements = litert.EXAMPLES / "litert_requirements.txt"
    command = [python, "-m", "pip", "install", "--quiet", "--retries", "1"]
    found = litert.run([*command, "-r", requirements])
    if found.returncode and litert.UNREACHABLE.search(found.stderr):
        pytest.skip(f"pip reaches no registry: {found.stderr.splitlines()[-1]}")
    assert found.returncode == 0, found.stderr
    return python


@pytest.fixture
def litert_search(python, tmp_path):
    """Runs the program away from this project."""

    def call(*arguments):
        program = shutil.copy(litert.EXAMPLES / "litert_search.py", tmp_path)
        return litert.run([python, program, *map(str, arguments)], tmp_path)

    call.scorer, call.refusal = "litert/scorer.tflite", litert.refusal
    return call


def written(folder, tokenizer, **rules):
    """Exports, encodes the images by Keras, and stores what came out."""
    import keras
    from support.tiny_models import tiny

    from keras_teran.export._export import export

    keras.utils.set_random_seed(0)
    model = tiny(vocabulary_size=len(tokenizer.vocabulary), **rules)
    export(model, tokenizer, folder / "exported", formats=("litert", "onnx"))
    regions = stored_regions(model)
    np.save(folder / "regions.npy", regions)
    return SimpleNamespace(
        folder=folder / "exported",
        regions_file=folder / "regions.npy",
        regions=regions,
        model=model,
        tokenizer=tokenizer,
    )


def stored_regions(model):
    """Region embeddings of images with 1 to REGIONS regions."""
    generator = np.random.default_rng(0)
    dim = model.config["region_dim"]
    corners = np.sort(generator.uniform(size=(IMAGES, REGIONS, 2, 2)), axis=2)
    counts = generator.integers(1, REGIONS + 1, IMAGES)
    counts[0], counts[1] = 1, REGIONS
    images = {
        "regions": generator.normal(size=(IMAGES, REGIONS, dim)).astype("float32"),
        "boxes": corners.reshape(IMAGES, REGIONS, 4).astype("float32"),
        "region_mask": np.arange(REGIONS) < counts[:, None],
    }
    return np.asarray(model.encode(images)["region_embeddings"])


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, headless.

    Of one module: while it runs, this thread can start no other event loop.
    """
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("needs a browser: no chromium on PATH")
    api.expect.set_options(timeout=30_000)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The search page's service: its address and its index."""
    from search_page import serving

    with serving(tmp_path_factory.mktemp("pictures")) as service:
        yield service


@pytest.fixture(scope="module")
def desktop(browser, served):
    """An empty page beside the service."""
    page = browser.new_page(base_url=served.address)
    # Without a listener from the start, Chromium hears of the interception too late
    # where a chooser follows at once.
    page.on("filechooser", lambda chooser: None)
    return page


@pytest.fixture(scope="module")
def phone(browser, served):
    """The same on a phone."""
    return browser.new_page(base_url=served.address, is_mobile=True)


@pytest.fixture
def page(desktop):
    """The search page as a visitor finds it, the focus in the box."""
    from search_page import visiting

    with visiting(desktop, 1200, 900) as page:
        yield page
