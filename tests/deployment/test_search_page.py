"""The search page in headless Chromium, over a double of the index.

What a visitor does is done by real key presses and a real pointer.
"""

import time

import pytest
from search_page import (
    FOCUS,
    FOUND,
    HOSTILE,
    IDS,
    IMAGES,
    READY,
    SCORES,
    SENTENCES,
    search,
)
from support.search_double import FOREIGN, HELD


def in_card(place, selector):
    return f"document.querySelectorAll('.card')[{place}].querySelector({selector!r})"


def visible(page, expression):
    style = f"getComputedStyle({expression})"
    return page.ask(
        f"{style}.visibility === 'visible' && Number({style}.opacity) === 1"
    )


def test_it_starts_with_what_it_is_and_the_focus_in_the_box(page):
    assert page.ask("document.querySelector('#about').textContent") == (
        "5 images and 5 sentences, scored by MrSw."
    )
    assert page.ask(f"{FOCUS}.id") == "sentence"


def test_a_sentence_brings_pictures_best_first(page, served):
    search(page, "blue square")
    assert served.index.asked[-1]["exact"] is True  # so few are scored whole
    assert page.ask(IDS)[0] == 11
    assert page.ask(SCORES)[:2] == [round(2 * HELD, 2), round(2 * FOREIGN, 2)]
    shown = in_card(0, "img")
    page.wait(f"{shown}.complete && {shown}.naturalHeight")
    assert page.ask(f"[{shown}.naturalWidth, {shown}.naturalHeight]") == [60, 120]
    assert "5 images in" in page.ask("document.querySelector('#status').textContent")
    assert (
        page.ask("document.querySelector('#status').getAttribute('role')") == "status"
    )


def test_regions_lie_where_they_are_in_a_picture_of_any_shape(page):
    """A tall picture keeps its shape within the square, and its regions with it."""
    search(page, "blue square")
    shown, region = in_card(0, "img"), in_card(0, "rect.w1")
    page.wait(f"{shown}.complete && {shown}.naturalHeight")
    places = f"""(() => {{
        const [all, own] = [{shown}, {region}].map(e => e.getBoundingClientRect());
        return [(own.x - all.x) / all.width, (own.y - all.y) / all.height,
                (own.right - all.x) / all.width, (own.bottom - all.y) / all.height,
                all.width / all.height]; }})()"""
    page.wait(f"Math.abs({places}[4] - 0.5) < 0.01")  # 60 by 120
    # "square", the third word of the caption, chose the third quarter.
    assert page.ask(places)[:4] == pytest.approx([0, 0.5, 0.5, 1], abs=0.02)


def test_pointing_at_a_word_lights_its_region_and_strength(page):
    search(page, "blue square")
    tag, region = in_card(0, ".tag.w1"), in_card(0, "rect.w1")
    assert not visible(page, tag)
    page.point(".card .word.w1")
    page.wait(f"{tag}.classList.contains('lit')")
    page.wait(f"getComputedStyle({region}).opacity === '1'")
    assert visible(page, tag)
    assert page.ask(f"{tag}.textContent") == "square 0.90"
    page.wait(f"getComputedStyle({in_card(0, 'rect.w0')}).opacity === '0'")
    # The same word lights in every picture, with the strength that it has there.
    assert page.ask(f"{in_card(1, '.tag.lit')}.textContent") == "square 0.10"
    page.point("#status")
    page.wait(f"!{tag}.classList.contains('lit')")


def test_the_words_above_light_too(page):
    search(page, "blue square")
    page.point("#words [data-word='0'] .word")
    page.wait(f"{in_card(0, '.tag.w0')}.classList.contains('lit')")


def test_choosing_an_image_brings_its_sentences_and_back_the_images(page):
    search(page, "blue square")
    page.click(".card .open")
    page.wait(SENTENCES)
    first = "document.querySelector('.caption b').textContent"
    assert page.ask(first) == "a blue square"
    assert page.ask("document.querySelector('#images').hidden") is True
    page.click("#back")
    page.wait(FOUND + " && !document.querySelector('#images').hidden")
    assert page.ask("document.querySelector('#sentence').value") == "blue square"
    page.wait(f"{FOCUS} === {in_card(0, '.open')}")


def test_pointing_at_a_sentence_shows_what_its_words_choose(page):
    search(page, "blue square")
    page.click(".card .open")
    page.wait(SENTENCES)
    page.point("#captions li:nth-child(2) .caption")
    page.wait("document.querySelectorAll('#asked rect').length > 0")
    page.point("#asked .word.w1")
    page.wait("document.querySelector('#asked .tag.w1.lit') !== null")


def test_choosing_a_sentence_searches_for_its_images(page):
    search(page, "blue square")
    page.click(".card .open")
    page.wait(SENTENCES)
    page.click(".caption")
    page.wait(FOUND + " && !document.querySelector('#images').hidden")
    assert page.ask("document.querySelector('#sentence').value") == "a blue square"


def test_weighing_a_word_changes_scores_and_order(page, served):
    search(page, "red square")
    assert page.ask(IDS)[:2] == [10, 11]  # alike; the first stays first
    page.click("#words [data-word='1'] .step:last-child")
    page.wait(f"{FOUND} && {IDS}[0] === 11")
    expected = [FOREIGN + 1.5 * HELD, HELD + 1.5 * FOREIGN]
    assert page.ask(SCORES)[:2] == pytest.approx(expected, abs=0.006)
    assert served.index.asked[-1]["word_weights"] == [1, 1.5]
    assert page.ask("document.querySelector('#words output').textContent") == "×1"
    page.click("#reset")
    page.wait(f"{FOUND} && {IDS}[0] === 10")
    assert served.index.asked[-1]["word_weights"] is None


def test_another_sentence_starts_with_weights_of_one(page, served):
    search(page, "red square")
    page.click("#words [data-word='1'] .step:last-child")
    page.wait(f"{FOUND} && {IDS}[0] === 11")
    page.click("#sentence")
    page.ask("document.querySelector('#sentence').select()")
    search(page, "green stars")
    page.wait(f"{IDS}[0] === 12")
    assert served.index.asked[-1]["word_weights"] is None


def test_keys_alone_do_everything(page, served):
    search(page, "red square")
    page.press("Tab", "Tab")  # past the button, to the first word
    page.wait(f"{FOCUS}.textContent === 'red'")
    page.wait(f"{in_card(0, '.tag.w0')}.classList.contains('lit')")
    page.press("ArrowRight", "+")
    page.wait(f"{FOUND} && {IDS}[0] === 11")
    assert page.ask(f"{FOCUS}.textContent") == "square"
    assert page.ask(f"getComputedStyle({FOCUS}).outlineStyle") == "solid"
    while not page.ask(f"{FOCUS}.classList.contains('open')"):
        page.press("Tab")
    page.press("ArrowRight")
    assert page.ask(f"{FOCUS} === {in_card(1, '.open')}")
    page.press("End")
    assert page.ask(f"{FOCUS} === {in_card(len(IMAGES) - 1, '.open')}")
    page.press("Home", "Enter")
    page.wait(SENTENCES)
    page.wait(f"{FOCUS}.id === 'sentences-title'")
    page.press("Tab")
    assert page.ask(f"{FOCUS}.querySelector('b').textContent") == "a blue square"
    page.wait("document.querySelectorAll('#asked rect').length > 0")
    page.press("Escape")
    page.wait(FOUND + " && !document.querySelector('#images').hidden")
    page.wait(f"{FOCUS} === {in_card(0, '.open')}")  # the image it came from
    assert page.ask(IDS)[0] == 11  # the weights stayed
    page.press("/")
    assert page.ask(f"{FOCUS}.id") == "sentence"


def test_every_button_and_picture_has_a_name(page):
    search(page, "blue square")
    unnamed = """[...document.querySelectorAll('button, img, input')].filter(e =>
        !(e.getAttribute('aria-label') || e.alt || e.textContent.trim()
          || (e.labels && e.labels.length))).map(e => e.outerHTML)"""
    assert page.ask(unnamed) == []


def test_hostile_captions_and_file_names_are_text_and_run_nothing(page):
    search(page, "ring")
    assert page.ask(IDS)[0] == 14
    page.click(".card .open")
    page.wait(SENTENCES)
    assert page.ask("document.querySelector('.caption b').textContent") == HOSTILE
    page.click(".caption")  # and as a sentence that is asked
    page.wait(FOUND + " && !document.querySelector('#images').hidden")
    page.wait("document.querySelectorAll('#words .word').length > 0")
    assert page.ask("typeof window.pwned") == "undefined"
    assert page.ask("document.scripts.length") == 1
    assert (
        page.ask("document.querySelectorAll('img[onerror], svg[onload]').length") == 0
    )


def test_script_in_the_address_runs_nothing(page, served):
    page.open(f"{served.address}/#q=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E")
    page.wait(FOUND)
    assert page.ask("typeof window.pwned") == "undefined"
    page.open(f"{served.address}/#image=../../health")
    page.wait("!document.querySelector('#error').hidden")
    error = page.ask("document.querySelector('#error').textContent")
    assert error == "There is no such image."


def test_the_policy_stops_script_that_got_into_the_page(page):
    """The second wall: an inline handler would not run even if it were put there."""
    page.ask("document.body.insertAdjacentHTML('beforeend', "
             "'<img src=nothing onerror=\"window.pwned=1\">')")  # fmt: skip
    page.wait("[...document.images].at(-1).complete")
    assert page.ask("typeof window.pwned") == "undefined"


def test_an_image_without_a_picture_still_shows_its_regions(page):
    search(page, "ring")  # its file's name is no file's
    page.wait(f"{in_card(0, '.picture.blank')} !== null")
    assert page.ask(f"{in_card(0, 'rect')} !== null")


def test_errors_are_told_and_the_next_search_works(page):
    page.type("?!")
    page.press("Enter")
    page.wait("!document.querySelector('#error').hidden")
    error = "document.querySelector('#error')"
    assert page.ask(f"{error}.textContent") == "No word of the sentence is known."
    assert page.ask(f"{error}.getAttribute('role')") == "alert"
    page.ask("document.querySelector('#sentence').select()")
    search(page, "red")
    assert page.ask(f"{error}.hidden") is True


def test_a_search_under_way_is_shown_and_a_newer_one_takes_its_place(page, served):
    page.type("slow red")
    page.press("Enter")
    page.wait("document.querySelector('#status').textContent === 'Searching …'")
    assert page.ask(READY) is False
    page.ask("document.querySelector('#sentence').select()")
    search(page, "blue")
    served.index.go_on.set()
    time.sleep(0.2)  # the older answer, were it still heard, would be here
    assert page.ask(IDS)[0] == 11
    assert page.ask("document.querySelector('#sentence').value") == "blue"


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_without_scrolling_sideways(page, width, dark):
    page.resize(width, 700, dark)
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    assert page.ask(widths) == [width, width]
    search(page, "a blue square and " + "w" * 60)
    assert page.ask(widths) == [width, width]
    page.click(".card .open")
    page.wait(SENTENCES)
    assert page.ask(widths) == [width, width]
    bright = page.ask("getComputedStyle(document.body).backgroundColor")
    assert (bright == "rgb(16, 20, 24)") == dark
