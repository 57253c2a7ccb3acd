"""The search page over a double of the index, as its tests open it and see it."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import uvicorn
from PIL import Image
from support.search_double import DoubleIndex

from keras_teran.cli.serve import address_of, listen
from keras_teran.web._limits import Limits
from keras_teran.web._service import create_app

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
expect = playwright.expect

HOSTILE = (
    '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
    "<svg onload=window.pwned=1> ring"
)
IMAGES = [
    {"caption": "a red circle", "filename": "red.png"},
    {"caption": "a blue square", "filename": "blue.png"},
    {"caption": "two green stars", "filename": "green.png"},
    {"caption": "one yellow cross", "filename": "yellow.png"},
    {"caption": HOSTILE, "filename": '"><script>window.pwned=1</script>.png'},
]
ALL = len(IMAGES)
SIZES = {"red": (200, 100), "blue": (60, 120), "green": (90, 90)}


@contextmanager
def serving(folder):
    """The service on a free port, pictures in a folder: its address and its index."""
    for name, size in SIZES.items():
        Image.new("RGB", size, name).save(folder / f"{name}.png")
    index, listening = DoubleIndex(IMAGES), listen("127.0.0.1", 0)
    app = create_app(index, folder, Limits(timeout=5), hosts={"127.0.0.1"})
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield SimpleNamespace(address=address_of(listening), index=index)
    index.go_on.set()
    server.should_exit = True
    thread.join()


@contextmanager
def visiting(page, width, height, color_scheme="light"):
    """The search page on a screen of that size. None of its scripts may fail."""
    faults = []

    def note(error):
        faults.append(error)

    page.on("pageerror", note)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=color_scheme)
    open_address(page, "/")
    page.locator("#about:not(:empty)").wait_for(state="attached")
    wait_for_answer(page)
    yield page
    page.remove_listener("pageerror", note)
    assert faults == []


def open_address(page, address):
    """From elsewhere, as by a bookmark."""
    page.goto("about:blank", wait_until="commit")
    page.goto(address, wait_until="commit")


# Of the waits of Playwright, `wait_for` looks at each frame; `expect` looks a few times
# a second.
def wait_for_answer(page):
    page.locator("#main[aria-busy=false]").wait_for()


def wait_for_images(page, first=None, count=ALL):
    """Waits for so many images, the first of them with that id."""
    best = "" if first is None else f":has(> [data-image='{first}']:first-child)"
    last = f":has(> :nth-child({count}):last-child)" if count else ":empty"
    shown = page.locator(f"[aria-busy=false] > #images:not([hidden]){best}{last}")
    shown.wait_for(state="attached")


def wait_for_sentences(page):
    sentences = "#sentences:not([hidden])"
    last = f"#captions > :nth-child({ALL}):last-child"
    page.locator(f"[aria-busy=false] > {sentences} {last}").wait_for()


def search(page, sentence):
    """Types a sentence where the focus is, Enter, and waits for its images."""
    page.keyboard.type(sentence)
    page.keyboard.press("Enter")
    page.wait_for_function("title => document.title === title", arg=sentence)
    wait_for_images(page)


def ids(page):
    """The images shown, best first."""
    return page.locator(".card").evaluate_all(
        "cards => cards.map(card => Number(card.dataset.image))"
    )


def scores(page):
    return [float(text) for text in page.locator("[title=score]").all_text_contents()]


def tab_to(page, selector):
    """Presses Tab until the focus is on such an element."""
    for _ in range(80):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}.")


def focus(page):
    return page.locator(":focus")


def ran_script(page):
    """Whether a text from outside was taken for a script."""
    return page.evaluate("typeof window.pwned") != "undefined"


def fits_its_width(page):
    """Whether nothing is wider than the window."""
    width = page.viewport_size["width"]
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    return page.evaluate(widths) == [width, width]
