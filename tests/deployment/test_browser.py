"""The search page in a real browser, on ONNX Runtime's WebAssembly, against Keras."""

import re
import shutil
import subprocess
from urllib.parse import quote

import numpy as np
import pytest
from node import run

SENTENCE = "two green rings"


@pytest.fixture
def page(program, deployed, tmp_path):
    """Function of a sentence to the page's text once it has searched for it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("needs a browser: no chromium on PATH")
    serving = ["node", program / "serve.mjs", deployed.folder, deployed.regions_file]
    with subprocess.Popen([*serving, "0"], stdout=subprocess.PIPE, text=True) as server:
        address = server.stdout.readline().strip()

        def ask(sentence):
            command = [browser, "--headless", "--no-sandbox", "--disable-gpu"]
            command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
            # Of the page's own clock: it stands still while something is fetched.
            command += ["--virtual-time-budget=20000"]
            return run([*command, f"{address}/?sentence={quote(sentence)}"], tmp_path)

        yield ask
        server.terminate()


def test_the_page_ranks_as_keras_does(page, deployed):
    found = page(SENTENCE).stdout
    caption = deployed.model.encode(deployed.tokenizer([SENTENCE]))
    images = {"region_embeddings": deployed.regions}
    scores = np.asarray(deployed.model.similarity(images, caption))[:, 0]
    best = np.argsort(-scores, kind="stable")[:10]
    hits = re.findall(r"<li>image (\d+): (-?\d+\.\d{3})</li>", found)
    assert [int(row) for row, _ in hits] == best.tolist()
    told = [float(score) for _, score in hits]
    np.testing.assert_allclose(told, scores[best], atol=6e-4)
    assert "30 images searched." in found


def test_the_page_says_why_it_finds_nothing(page):
    found = page("Щ").stdout
    assert 'no word of "Щ" is known' in found
    assert "<li>" not in found


def test_the_page_says_what_it_cuts(page):
    assert "110 word pieces from" in page(SENTENCE + " " + (SENTENCE + " ") * 39).stdout
