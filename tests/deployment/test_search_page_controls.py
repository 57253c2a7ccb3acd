"""What stands below the search box: filters, and sentences for a file of regions."""

import numpy as np
from search_page import CARDS, FOCUS, FOUND, IDS, READY, SENTENCES, search

CHIPS = "[...document.querySelectorAll('#chosen-filters span')].map(e => e.textContent)"


def add_filter(page, field, value):
    """As by hand: opens the control, fills both boxes, Enter."""
    if not page.ask("document.querySelector('#filters').open"):
        page.click("#filters summary")
    page.click("#field")
    page.ask("document.querySelector('#field').select()")
    page.type(field)
    page.press("Tab")
    page.type(value)
    page.press("Enter")


def test_a_filter_leaves_the_images_whose_payload_fits(page, served):
    search(page, "blue square")
    add_filter(page, "filename", "green.png")
    page.wait(f"{READY} && {CARDS}.length === 1")
    assert page.ask(IDS) == [12]
    assert served.index.asked[-1]["where"] == {"filename": ["green.png"]}
    assert page.ask(f"{FOCUS}.id") == "value"  # for the next one
    add_filter(page, "filename", "red.png")  # of one field, any will do
    page.wait(f"{READY} && {CARDS}.length === 2")
    assert page.ask(CHIPS) == ["filename=green.png", "filename=red.png"]
    page.click("#chosen-filters button")
    page.wait(f"{READY} && {CARDS}.length === 1")
    assert page.ask(IDS) == [10]
    page.wait(f"{FOCUS}.closest('#chosen-filters') !== null")
    page.press("Enter")  # on the other one's cross
    page.wait(FOUND)
    assert served.index.asked[-1]["where"] is None
    page.wait(f"{FOCUS}.tagName === 'SUMMARY'")


def test_filters_and_weights_stand_side_by_side_and_in_the_address(page, served):
    search(page, "red square")
    page.click("#words [data-word='1'] .step:last-child")
    page.wait(f"{FOUND} && {IDS}[0] === 11")
    add_filter(page, "absent", "true")
    page.wait(f"{READY} && {CARDS}.length === 0")
    status = page.ask("document.querySelector('#status').textContent")
    assert status == "Nothing found. No image has all of these."
    asked = served.index.asked[-1]
    assert (asked["where"], asked["word_weights"]) == ({"absent": [True]}, [1, 1.5])
    page.ask("history.back()")
    page.wait(f"{FOUND} && {IDS}[0] === 11 && {CHIPS}.length === 0")
    address = f"{served.address}/#q=red&where=filename%3Dred.png&where=filename%3D7"
    page.open(address)
    page.wait(f"{READY} && document.querySelector('#error').hidden === false || "
              f"{CARDS}.length === 1")  # fmt: skip
    assert page.ask(CHIPS) == ["filename=red.png", "filename=7"]
    told = page.ask("document.querySelector('#error').textContent")
    assert told.startswith("where['filename'] must be a str, int of 64 bits or bool")
    page.open(
        f"{served.address}/#q=red&where=filename%3Dred.png&where=filename%3D%227%22"
    )
    page.wait(f"{READY} && {CARDS}.length === 1")
    assert served.index.asked[-1]["where"] == {"filename": ["red.png", "7"]}


def test_a_filter_is_text_and_runs_nothing(page, served):
    hostile = "<img src=x onerror=window.pwned=1>"
    search(page, "ring")
    add_filter(page, hostile, hostile)
    page.wait(f"{READY} && {CARDS}.length === 0")
    assert page.ask(CHIPS) == [f"{hostile}={hostile}"]
    assert page.ask("typeof window.pwned") == "undefined"
    page.resize(320, 700)
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    assert page.ask(widths) == [320, 320]


ERROR = "document.querySelector('#error')"


def regions_file(path, image, regions=2):
    """A file of regions that the double takes for its image of that id."""
    features = np.zeros((regions, 2), "float32")
    features[0, 0] = image
    boxes = np.tile(np.float32([0, 0, 1, 1]), (regions, 1))
    np.savez(path, regions=features, boxes=boxes)
    return path


def test_a_file_of_regions_brings_its_sentences_by_keys_alone(page, served, tmp_path):
    file = regions_file(tmp_path / "mine.npz", image=12)
    search(page, "blue square")
    page.press("Escape")
    while page.ask(f"{FOCUS}.id") != "bring":
        page.press("Tab")
    assert page.ask(f"getComputedStyle({FOCUS}).outlineStyle") == "solid"
    page.choose(lambda: page.press("Enter"), file)
    page.wait(SENTENCES)
    assert page.ask("document.querySelector('.caption b').textContent") == (
        "two green stars"
    )
    asked = served.index.asked[-1]
    assert asked["regions"].shape == (1, 2, 2)
    assert asked["regions"][0, 0].tolist() == [12, 0]
    page.wait(f"{FOCUS}.id === 'sentences-title'")
    assert page.ask("document.querySelector('#asked').textContent") == "mine.npz"
    assert page.ask("document.title") == "Sentences of mine.npz"
    page.press("Tab", "Enter")  # the first sentence, and its images
    page.wait(FOUND + " && !document.querySelector('#images').hidden")
    assert page.ask(IDS)[0] == 12
    page.ask("history.back()")  # to the file, which the page still holds
    page.wait(SENTENCES + " && !document.querySelector('#sentences').hidden")
    page.press("Escape")
    page.wait(FOUND + " && !document.querySelector('#images').hidden")
    assert page.ask("document.querySelector('#sentence').value") == "blue square"


def test_a_file_that_was_changed_is_read_again(page, served, tmp_path):
    for image, caption in ((10, "a red circle"), (11, "a blue square")):
        file = regions_file(tmp_path / "mine.npz", image)
        page.choose(lambda: page.click("#bring"), file)
        first = "document.querySelector('.caption b')?.textContent"
        page.wait(f"{SENTENCES} && {first} === {caption!r}")


def test_a_file_that_is_none_or_too_large_or_gone_is_told(page, served, tmp_path):
    bad = tmp_path / "<img src=x onerror=window.pwned=1>.npz"
    bad.write_bytes(b"no zip")
    page.choose(lambda: page.click("#bring"), bad)
    page.wait(f"{READY} && !{ERROR}.hidden")
    told = page.ask(f"{ERROR}.textContent")
    assert told.startswith("The body is no .npz file, or a damaged one: ")
    assert page.ask("document.querySelector('#asked').textContent") == bad.name
    assert page.ask("typeof window.pwned") == "undefined"
    large = tmp_path / "large.npz"
    large.write_bytes(bytes(5 * 2**20))
    page.choose(lambda: page.click("#bring"), large)
    page.wait(f"{READY} && {ERROR}.textContent.startsWith('large')")
    assert page.ask(f"{ERROR}.textContent") == (
        "large.npz has 5,242,880 bytes; at most 4,194,304 are read."
    )
    page.open(f"{served.address}/#file=mine.npz")  # as after a reload
    page.wait(f"{READY} && !{ERROR}.hidden")
    assert page.ask(f"{ERROR}.textContent") == "Choose the file mine.npz again."
    assert page.ask("document.querySelectorAll('.caption').length") == 0
