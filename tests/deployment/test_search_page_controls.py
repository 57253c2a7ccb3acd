"""What stands below the search box: filters, and sentences for a file of regions."""

import numpy as np
from search_page import (
    expect,
    fits_its_width,
    focus,
    open_address,
    ran_script,
    search,
    tab_to,
    wait_for_answer,
    wait_for_images,
    wait_for_sentences,
)


def add_filter(page, field, value):
    """As by hand: opens the control, fills both boxes, Enter."""
    if not page.locator("#filters[open]").count():
        page.click("#filters summary")
    page.locator("#field").select_text()
    page.keyboard.type(field)
    page.keyboard.press("Tab")
    page.keyboard.type(value)
    page.keyboard.press("Enter")


def chips(page):
    return page.locator("#chosen-filters span")


def choose(page, open_chooser, file):
    """Does what opens a file chooser, and chooses a file in it."""
    with page.expect_file_chooser() as chooser:
        open_chooser()
    chooser.value.set_files(file)


def test_a_filter_leaves_the_images_whose_payload_fits(page, served):
    search(page, "blue square")
    add_filter(page, "filename", "green.png")
    wait_for_images(page, first=12, count=1)
    assert served.index.asked[-1]["where"] == {"filename": ["green.png"]}
    expect(page.locator("#value")).to_be_focused()  # for the next one
    add_filter(page, "filename", "red.png")  # of one field, any will do
    wait_for_images(page, count=2)
    expect(chips(page)).to_have_text(["filename=green.png", "filename=red.png"])
    page.locator("#chosen-filters button").first.click()
    wait_for_images(page, first=10, count=1)
    expect(page.locator("#chosen-filters button")).to_be_focused()
    page.keyboard.press("Enter")  # on the other one's cross
    wait_for_images(page)
    assert served.index.asked[-1]["where"] is None
    expect(page.locator("#filters summary")).to_be_focused()


def test_filters_and_weights_stand_side_by_side_and_in_the_address(page, served):
    search(page, "red square")
    page.click("#words [data-word='1'] .step:last-child")
    wait_for_images(page, first=11)
    add_filter(page, "absent", "true")
    wait_for_images(page, count=0)
    status = page.locator("#status")
    expect(status).to_have_text("Nothing found. No image has all of these.")
    asked = served.index.asked[-1]
    assert (asked["where"], asked["word_weights"]) == ({"absent": [True]}, [1, 1.5])
    page.go_back()
    wait_for_images(page, first=11)
    expect(chips(page)).to_have_count(0)
    both = "/#q=red&where=filename%3Dred.png&where=filename%3D"
    open_address(page, f"{both}7")
    expect(page.locator("#error")).to_contain_text(
        "where['filename'] must be a str, int of 64 bits or bool"
    )
    expect(chips(page)).to_have_text(["filename=red.png", "filename=7"])
    open_address(page, f"{both}%227%22")
    wait_for_images(page, first=10, count=1)
    assert served.index.asked[-1]["where"] == {"filename": ["red.png", "7"]}


def test_a_filter_is_text_and_runs_nothing(page):
    hostile = "<img src=x onerror=window.pwned=1>"
    search(page, "ring")
    add_filter(page, hostile, hostile)
    wait_for_images(page, count=0)
    expect(chips(page)).to_have_text([f"{hostile}={hostile}"])
    assert not ran_script(page)
    page.set_viewport_size({"width": 320, "height": 700})
    assert fits_its_width(page)


def test_a_slash_in_a_filter_is_text_and_no_way_to_the_search_box(page, served):
    search(page, "ring")
    add_filter(page, "filename", "val2014/1.jpg")
    wait_for_images(page, count=0)
    assert served.index.asked[-1]["where"] == {"filename": ["val2014/1.jpg"]}
    expect(page.locator("#sentence")).to_have_value("ring")


def regions_file(path, image, regions=2):
    """A file of regions that the double takes for its image of that id."""
    features = np.zeros((regions, 2), "float32")
    features[0, 0] = image
    boxes = np.tile(np.float32([0, 0, 1, 1]), (regions, 1))
    np.savez(path, regions=features, boxes=boxes)
    return path


def test_a_file_of_regions_brings_its_sentences_by_keys_alone(page, served, tmp_path):
    file = regions_file(tmp_path / "mine.npz", image=12)
    keys = page.keyboard
    search(page, "blue square")
    keys.press("Escape")
    tab_to(page, "#bring")
    expect(focus(page)).to_have_css("outline-style", "solid")
    choose(page, lambda: keys.press("Enter"), file)
    wait_for_sentences(page)
    expect(page.locator(".caption b").first).to_have_text("two green stars")
    asked = served.index.asked[-1]
    assert asked["regions"].shape == (1, 2, 2)
    assert asked["regions"][0, 0].tolist() == [12, 0]
    expect(page.locator("#sentences-title")).to_be_focused()
    expect(page.locator("#asked")).to_have_text("mine.npz")
    expect(page).to_have_title("Sentences of mine.npz")
    keys.press("Tab")
    keys.press("Enter")  # the first sentence, and its images
    wait_for_images(page, first=12)
    page.go_back()  # to the file, which the page still holds
    wait_for_sentences(page)
    keys.press("Escape")
    wait_for_images(page, first=11)
    expect(page.locator("#sentence")).to_have_value("blue square")


def test_a_file_that_was_changed_is_read_again(page, tmp_path):
    for image, caption in ((10, "a red circle"), (11, "a blue square")):
        file = regions_file(tmp_path / "mine.npz", image)
        choose(page, lambda: page.click("#bring"), file)
        expect(page.locator(".caption b").first).to_have_text(caption)
        wait_for_sentences(page)


def test_a_file_that_is_none_or_too_large_or_gone_is_told(page, tmp_path):
    error = page.locator("#error")
    bad = tmp_path / "<img src=x onerror=window.pwned=1>.npz"
    bad.write_bytes(b"no zip")
    choose(page, lambda: page.click("#bring"), bad)
    expect(error).to_contain_text("The body is no .npz file, or a damaged one: ")
    expect(page.locator("#asked")).to_have_text(bad.name)
    assert not ran_script(page)
    large = tmp_path / "large.npz"
    large.write_bytes(bytes(5 * 2**20))
    choose(page, lambda: page.click("#bring"), large)
    expect(error).to_have_text(
        "large.npz has 5,242,880 bytes; at most 4,194,304 are read."
    )
    open_address(page, "/#file=mine.npz")  # as after a reload
    expect(error).to_have_text("Choose the file mine.npz again.")
    wait_for_answer(page)
    assert page.locator(".caption").count() == 0
