"""The search page in headless Chromium, over a double of the index.

What a visitor does is done by real key presses and a real pointer.
"""

import time

import pytest
from search_page import (
    HOSTILE,
    IMAGES,
    expect,
    fits_its_width,
    focus,
    ids,
    open_address,
    ran_script,
    scores,
    search,
    tab_to,
    visiting,
    wait_for_images,
    wait_for_sentences,
)
from support.search_double import FOREIGN, HELD

LIT = {"visibility": "visible", "opacity": "1"}


def card(page, place):
    return page.locator(".card").nth(place)


def expect_styles(element, styles):
    for name, value in styles.items():
        expect(element).to_have_css(name, value)


def expect_lit(element):
    expect(element).to_contain_class("lit")


def show_sentences(page):
    """From the images to the sentences of the first."""
    page.click(".card .open")
    wait_for_sentences(page)


def wait_for_picture(page, image):
    expect(image).to_have_js_property("complete", True)
    expect(image).not_to_have_js_property("naturalHeight", 0)


def test_it_starts_with_what_it_is_and_the_focus_in_the_box(page):
    about = page.locator("#about")
    expect(about).to_have_text("5 images and 5 sentences, scored by MrSw.")
    expect(page.locator("#sentence")).to_be_focused()


def test_a_sentence_brings_pictures_best_first(page, served):
    search(page, "blue square")
    assert served.index.asked[-1]["exact"] is True  # so few are scored whole
    assert ids(page)[0] == 11
    assert scores(page)[:2] == [round(2 * HELD, 2), round(2 * FOREIGN, 2)]
    shown = card(page, 0).locator("img")
    wait_for_picture(page, shown)
    assert shown.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [60, 120]
    expect(page.locator("#status")).to_contain_text("5 images in")
    expect(page.locator("#status")).to_have_role("status")


def test_regions_lie_where_they_are_in_a_picture_of_any_shape(page):
    """A tall picture keeps its shape within the square, and its regions with it."""
    search(page, "blue square")
    shown = card(page, 0).locator("img")
    wait_for_picture(page, shown)
    all, own = shown.bounding_box(), card(page, 0).locator("rect.w1").bounding_box()
    assert all["width"] / all["height"] == pytest.approx(0.5, abs=0.01)  # 60 by 120
    # "square", the third word of the caption, chose the third quarter.
    assert [
        (own["x"] - all["x"]) / all["width"],
        (own["y"] - all["y"]) / all["height"],
        (own["x"] + own["width"] - all["x"]) / all["width"],
        (own["y"] + own["height"] - all["y"]) / all["height"],
    ] == pytest.approx([0, 0.5, 0.5, 1], abs=0.02)


def test_pointing_at_a_word_lights_its_region_and_strength(page):
    search(page, "blue square")
    tag, region = (card(page, 0).locator(f"{kind}.w1") for kind in (".tag", "rect"))
    expect_styles(tag, {"visibility": "hidden"})
    page.hover(".card .word.w1")
    expect_lit(tag)
    expect_styles(region, {"opacity": "1"})
    expect_styles(tag, LIT)
    expect(tag).to_have_text("square 0.90")
    expect_styles(card(page, 0).locator("rect.w0"), {"opacity": "0"})
    # The same word lights in every picture, with the strength that it has there.
    expect(card(page, 1).locator(".tag.lit")).to_have_text("square 0.10")
    page.hover("#status")
    expect(tag).not_to_contain_class("lit")


def test_the_words_above_light_too(page):
    search(page, "blue square")
    page.hover("#words [data-word='0'] .word")
    expect_lit(card(page, 0).locator(".tag.w0"))


def test_choosing_an_image_brings_its_sentences_and_back_the_images(page):
    search(page, "blue square")
    show_sentences(page)
    expect(page.locator(".caption b").first).to_have_text("a blue square")
    expect(page.locator("#images")).to_be_hidden()
    page.click("#back")
    wait_for_images(page)
    expect(page.locator("#sentence")).to_have_value("blue square")
    expect(card(page, 0).locator(".open")).to_be_focused()


def test_pointing_at_a_sentence_shows_what_its_words_choose(page):
    search(page, "blue square")
    show_sentences(page)
    page.hover("#captions li:nth-child(2) .caption")
    expect(page.locator("#asked rect")).not_to_have_count(0)
    page.hover("#asked .word.w1")
    expect_lit(page.locator("#asked .tag.w1"))


def test_choosing_a_sentence_searches_for_its_images(page):
    search(page, "blue square")
    show_sentences(page)
    page.click(".caption")
    wait_for_images(page)
    expect(page.locator("#sentence")).to_have_value("a blue square")


def test_weighing_a_word_changes_scores_and_order(page, served):
    search(page, "red square")
    assert ids(page)[:2] == [10, 11]  # alike; the first stays first
    page.click("#words [data-word='1'] .step:last-child")
    wait_for_images(page, first=11)
    expected = [FOREIGN + 1.5 * HELD, HELD + 1.5 * FOREIGN]
    assert scores(page)[:2] == pytest.approx(expected, abs=0.006)
    assert served.index.asked[-1]["word_weights"] == [1, 1.5]
    expect(page.locator("#words output")).to_have_text(["×1", "×1.5"])
    page.click("#reset")
    wait_for_images(page, first=10)
    assert served.index.asked[-1]["word_weights"] is None


def test_another_sentence_starts_with_weights_of_one(page, served):
    search(page, "red square")
    page.click("#words [data-word='1'] .step:last-child")
    wait_for_images(page, first=11)
    page.click("#sentence")
    page.locator("#sentence").select_text()
    search(page, "green stars")
    wait_for_images(page, first=12)
    assert served.index.asked[-1]["word_weights"] is None


def test_keys_alone_do_everything(page, served):
    keys = page.keyboard
    search(page, "red square")
    keys.press("Tab")
    keys.press("Tab")  # past the button, to the first word
    expect(focus(page)).to_have_text("red")
    expect_lit(card(page, 0).locator(".tag.w0"))
    keys.press("ArrowRight")
    keys.press("+")
    wait_for_images(page, first=11)
    expect(focus(page)).to_have_text("square")
    expect(focus(page)).to_have_css("outline-style", "solid")
    tab_to(page, ".open")
    keys.press("ArrowRight")
    expect(card(page, 1).locator(".open")).to_be_focused()
    keys.press("End")
    expect(card(page, len(IMAGES) - 1).locator(".open")).to_be_focused()
    keys.press("Home")
    keys.press("Enter")
    wait_for_sentences(page)
    expect(page.locator("#sentences-title")).to_be_focused()
    keys.press("Tab")
    expect(focus(page).locator("b")).to_have_text("a blue square")
    expect(page.locator("#asked rect")).not_to_have_count(0)
    keys.press("Escape")
    wait_for_images(page)
    expect(card(page, 0).locator(".open")).to_be_focused()  # the one it came from
    assert ids(page)[0] == 11  # the weights stayed
    keys.press("/")
    expect(page.locator("#sentence")).to_be_focused()


def test_every_button_and_picture_has_a_name(page):
    search(page, "blue square")
    unnamed = page.locator("button, img, input").evaluate_all(
        """all => all.filter(e => !(e.getAttribute('aria-label') || e.alt
        || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
    )
    assert unnamed == []


def test_hostile_captions_and_file_names_are_text_and_run_nothing(page):
    search(page, "ring")
    assert ids(page)[0] == 14
    show_sentences(page)
    expect(page.locator(".caption b").first).to_have_text(HOSTILE)
    page.click(".caption")  # and as a sentence that is asked
    wait_for_images(page)
    expect(page.locator("#words .word")).not_to_have_count(0)
    assert not ran_script(page)
    assert page.locator("script").count() == 1
    assert page.locator("img[onerror], svg[onload]").count() == 0


def test_script_in_the_address_runs_nothing(page):
    open_address(page, "/#q=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E")
    wait_for_images(page)
    assert not ran_script(page)
    open_address(page, "/#image=../../health")
    expect(page.locator("#error")).to_have_text("There is no such image.")
    expect(page.locator("#error")).to_be_visible()


def test_the_policy_stops_script_that_got_into_the_page(page):
    """The second wall: an inline handler would not run even if it were put there."""
    page.evaluate(
        """document.body.insertAdjacentHTML(
            'beforeend', '<img src=nothing onerror="window.pwned=1">')"""
    )
    expect(page.locator("img").last).to_have_js_property("complete", True)
    assert not ran_script(page)


def test_an_image_without_a_picture_still_shows_its_regions(page):
    search(page, "ring")  # its file's name is no file's
    expect(card(page, 0).locator(".picture.blank")).to_have_count(1)
    assert card(page, 0).locator("rect").count() > 0


def test_errors_are_told_and_the_next_search_works(page):
    error = page.locator("#error")
    page.keyboard.type("?!")
    page.keyboard.press("Enter")
    expect(error).to_have_text("No word of the sentence is known.")
    expect(error).to_be_visible()
    expect(error).to_have_role("alert")
    page.locator("#sentence").select_text()
    search(page, "red")
    expect(error).to_be_hidden()


def test_a_search_under_way_is_shown_and_a_newer_one_takes_its_place(page, served):
    page.keyboard.type("slow red")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Searching …")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "true")
    page.locator("#sentence").select_text()
    search(page, "blue")
    served.index.go_on.set()
    time.sleep(0.2)  # the older answer, if it were still heard, would be here
    assert ids(page)[0] == 11
    expect(page.locator("#sentence")).to_have_value("blue")
    expect(page.locator("#error")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_without_scrolling_sideways(phone, width, dark):
    with visiting(phone, width, 700, "dark" if dark else "light") as page:
        assert fits_its_width(page)
        search(page, "a blue square and " + "w" * 60)
        assert fits_its_width(page)
        show_sentences(page)
        assert fits_its_width(page)
        surface = page.locator("body").evaluate(
            "e => getComputedStyle(e).backgroundColor"
        )
        assert (surface == "rgb(16, 20, 24)") == dark
