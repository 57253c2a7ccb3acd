"""The search page over a double of the index, as its tests open it."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import uvicorn
from PIL import Image
from support.search_double import DoubleIndex

from keras_teran.cli.serve import address_of, listen
from keras_teran.web._limits import Limits
from keras_teran.web._service import create_app

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
SIZES = {"red": (200, 100), "blue": (60, 120), "green": (90, 90)}

CARDS = "[...document.querySelectorAll('.card')]"
IDS = f"{CARDS}.map(card => Number(card.dataset.image))"
SCORES = (
    f"{CARDS}.map(card => Number(card.querySelector('.score').lastChild.textContent))"
)
READY = "document.querySelector('#main').getAttribute('aria-busy') === 'false'"
FOUND = f"{READY} && {CARDS}.length === {len(IMAGES)}"
SENTENCES = f"{READY} && document.querySelectorAll('.caption').length === {len(IMAGES)}"
FOCUS = "document.activeElement"


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


def search(page, sentence):
    page.type(sentence)
    page.press("Enter")
    page.wait(FOUND)
