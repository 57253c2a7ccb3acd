"""A test double of `keras_teran.search.Index`: images found by the words they hold.

It keeps the interface and counts by hand; no model, no engine. Each image is told by a
caption. A word that stands in it has cosine 0.9, another 0.1; the region that it
chooses is the quarter of the picture that its place in the caption falls on.
"""

import re
import threading
from types import SimpleNamespace

from keras_teran.models._image_input import one_image
from keras_teran.search._hits import Hit, Hits, Word
from keras_teran.search._schema import check_where

QUARTERS = [
    [0.0, 0.0, 0.5, 0.5],
    [0.5, 0.0, 1.0, 0.5],
    [0.0, 0.5, 0.5, 1.0],
    [0.5, 0.5, 1.0, 1.0],
]
HELD, FOREIGN = 0.9, 0.1


class DoubleIndex:
    """Images given as dicts of `caption` and `filename`; ids count from 10.

    "slow" in a sentence waits for the event `go_on`, "broken" and "dead" raise what a
    bug and a dead server would.
    """

    def __init__(self, images, pooling="MrSw"):
        self._images = dict(enumerate(images, 10))
        self.go_on = threading.Event()
        self.matcher = SimpleNamespace(model=SimpleNamespace(pooling=pooling))
        self.counts = {"images": len(images), "captions": len(images)}
        self.asked = []

    def search(
        self, sentence, top=10, candidates=None, exact=False, where=None,
        word_weights=None,
    ):  # fmt: skip
        asked = {"top": top, "exact": exact, "word_weights": word_weights}
        self.asked.append({**asked, "where": where})
        self._misbehave(sentence)
        if word_weights and len(word_weights) != len(_words(sentence)):
            raise ValueError(f"word_weights has {len(word_weights)} numbers.")
        hits = [self._hit(id, sentence, word_weights) for id in self._images]
        hits = [hit for hit in hits if _fits(hit.payload, where)]
        return _hits(sorted(hits, key=lambda hit: -hit.score)[:top])

    def search_captions(self, image, top=10, candidates=None, exact=False, where=None):
        if isinstance(image, dict):  # an upload; its first number says which it is
            self.asked.append(one_image(image, region_dim=2))
            image = int(self.asked[-1]["regions"].flat[0])
        own = self.get(image).payload["captions"][0]
        hits = [self._hit(id, own) for id in self._images]
        found = [
            Hit(
                hit.id,
                hit.score,
                {"caption": hit.payload["captions"][0], "image_id": hit.id},
                [],
            )
            for hit in sorted(hits, key=lambda hit: -hit.score)
        ]
        return _hits([hit for hit in found if _fits(hit.payload, where)][:top])

    def get(self, id):
        if id not in self._images:
            raise ValueError(f"There is no image {id!r}.")
        image = self._images[id]
        payload = {"filename": image["filename"], "captions": [image["caption"]]}
        return Hit(id, 0.0, payload, QUARTERS)

    def explain(self, id, sentence):
        return list(self._hit(id, sentence).words)

    def _hit(self, id, sentence, weights=None):
        hit, own = (
            self.get(id),
            [word for word, _ in _words(self._images[id]["caption"])],
        )
        if not _words(sentence):
            raise ValueError("No word of the sentence is known.")
        words = tuple(
            Word(
                text=text,
                span=span,
                region=own.index(text) % 4 if text in own else 3,
                cosine=HELD if text in own else FOREIGN,
                weight=weights[place] if weights else 1.0,
            )
            for place, (text, span) in enumerate(_words(sentence))
        )
        score = sum(word.weight * word.cosine for word in words)
        return Hit(id, score, hit.payload, hit.boxes, words)

    def _misbehave(self, sentence):
        if "slow" in sentence:
            self.go_on.wait(60)
        if "dead" in sentence:
            raise ConnectionError("http://inside:6333 does not answer")
        if "broken" in sentence:
            raise RuntimeError("a secret of the inside")


def _hits(found):
    return Hits(found, "" if found else "No image has all of these.")


def _fits(payload, where):
    wanted = check_where(where)
    return all(payload.get(key) in values for key, values in wanted.items())


def _words(sentence):
    return [(found[0], found.span()) for found in re.finditer(r"\w+", sentence)]
