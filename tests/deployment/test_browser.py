"""The search page in a real browser, on ONNX Runtime's WebAssembly, against Keras."""

import re
import subprocess
from urllib.parse import quote

import numpy as np
import pytest

expect = pytest.importorskip("playwright.sync_api", reason="needs Playwright").expect

SENTENCE = "two green rings"


@pytest.fixture
def ask(browser, program, deployed):
    """Function of a sentence to the page once it has searched for it."""
    serving = ["node", program / "serve.mjs", deployed.folder, deployed.regions_file]
    with subprocess.Popen([*serving, "0"], stdout=subprocess.PIPE, text=True) as server:
        address = server.stdout.readline().strip()
        page = browser.new_page()

        def asked(sentence):
            page.goto(f"{address}/?sentence={quote(sentence)}")
            expect(page.locator("#state")).not_to_have_text("Loading …")
            return page

        yield asked
        page.close()
        server.terminate()


@pytest.mark.process
def test_the_page_ranks_as_keras_does(ask, deployed):
    page = ask(SENTENCE)
    caption = deployed.model.encode(deployed.tokenizer([SENTENCE]))
    images = {"region_embeddings": deployed.regions}
    scores = np.asarray(deployed.model.similarity(images, caption))[:, 0]
    best = np.argsort(-scores, kind="stable")[:10]
    hits = [
        re.fullmatch(r"image (\d+): (-?\d+\.\d{3})", text).groups()
        for text in page.locator("li").all_text_contents()
    ]
    assert [int(row) for row, _ in hits] == best.tolist()
    told = [float(score) for _, score in hits]
    np.testing.assert_allclose(told, scores[best], atol=6e-4)
    expect(page.locator("#state")).to_have_text("30 images searched.")


@pytest.mark.process
def test_the_page_says_why_it_finds_nothing(ask):
    page = ask("Щ")
    expect(page.locator("#state")).to_contain_text('no word of "Щ" is known')
    assert page.locator("li").count() == 0


@pytest.mark.process
def test_the_page_says_what_it_cuts(ask):
    page = ask(SENTENCE + " " + (SENTENCE + " ") * 39)
    expect(page.locator("#state")).to_contain_text("110 word pieces from")
