"""An index that was built: searching and changing it."""

import threading
from pathlib import Path

import numpy as np

from keras_teran.one_image import images_for
from keras_teran.search.engines import open_engine
from keras_teran.search.hits import Hit, choose_regions
from keras_teran.search.manifest import check_model, read_manifest, write_manifest
from keras_teran.search.plan import Rule, best
from keras_teran.search.queries import encode_image, encode_sentence, stored_image
from keras_teran.search.schema import (
    BOXES,
    CAPTIONS,
    COLLECTIONS,
    IMAGES,
    Point,
    check_id,
    check_where,
)

MOST_HITS = 1_000
# How many the pooled vectors hand on, where nothing is asked: of each hit wanted, and
# at least.
_CANDIDATES_PER_HIT = 20
_FEWEST_CANDIDATES = 200


class Index:
    """Images and captions, found by each other. Open one with `Index.open`.

    Args:
        folder: path of the index.
        manifest: dict, see `manifest`.
        run: path of the RUN that encodes queries.
        engine: `Engine`.
    """

    def __init__(self, folder, manifest, run, engine):
        self.folder = Path(folder)
        self.run = Path(run)
        self._manifest = manifest
        self._engine = engine
        self._matcher = None
        self._lock = threading.Lock()
        self._rule = Rule(manifest["pooling"], manifest["padding"], manifest["widths"])
        # None, or absent before there was such a number: no regions are merged.
        self._regions_per_image = manifest.get("regions_per_image")

    @classmethod
    def open(cls, folder, run=None, api_key=None):
        """Opens an index; its model is loaded when it is first needed.

        Args:
            folder: path that `keras-teran index` wrote.
            run: path of the RUN, where it is not at its old place.
            api_key: str, of a Qdrant server; None for QDRANT_API_KEY.

        Returns:
            `Index`; a context manager.

        Raises:
            FileNotFoundError: when there is no index, or no model.
            ValueError: when its build has not ended, or another model made it.
            ConnectionError: when its server does not answer.
        """
        manifest = read_manifest(folder)
        run = manifest["run"] if run is None else run
        check_model(manifest, run)
        engine = open_engine(
            manifest["engine"], folder, api_key, manifest.get("prefix")
        )
        return cls(folder, manifest, run, engine)

    @property
    def matcher(self):
        """The `Matcher` of the RUN."""
        with self._lock:
            if self._matcher is None:
                from keras_teran.matcher import load

                self._matcher = load(self.run)
            return self._matcher

    @property
    def counts(self):
        """Dict of `images` and `captions`, how many the engine holds."""
        return {name: self._engine.count(name) for name in COLLECTIONS}

    def search(
        self,
        sentence,
        top=10,
        candidates=None,
        exact=False,
        where=None,
        word_weights=None,
    ):
        """Images for a sentence.

        Args:
            sentence: str.
            top: int, how many, 1 to 1,000.
            candidates: int, how many the pooled vectors hand on to be scored; None for
                20 a hit and at least 200.
            exact: bool, score all images.
            where: dict, payload key to a value or a list of values.
            word_weights: floats of 0 or more, one a word as `explain` tells words
                apart; the score is then the sum over word pieces of weight times the
                best cosine. MrSw alone.

        Returns:
            List of `Hit`, best first.

        Raises:
            ValueError: for an argument that is none of the above, or a sentence of no
                known word or of over 1,000.
        """
        limits = _limits(top, candidates, exact)
        where = check_where(where)
        found = self._sentence(sentence, word_weights)
        scored = best(self._engine, found.query, self._rule, *limits, where)
        return self._hits(IMAGES, scored, found)

    def search_captions(self, image, top=10, candidates=None, exact=False, where=None):
        """Captions for an image.

        Args:
            image: the id of an indexed image, or a dict of `regions` float32
                (regions, region_dim) and `boxes` float32 (regions, 4). For a model with
                pixels inside, a picture: a `pathlib.Path` or uint8 (height, width, 3).
            top, candidates, exact, where: as in `search`.

        Returns:
            List of `Hit`, best first.

        Raises:
            ValueError: for an unknown id, or an argument of another form.
        """
        limits = _limits(top, candidates, exact)
        where = check_where(where)
        if isinstance(image, dict | Path | np.ndarray):
            matcher = self.matcher
            with self._lock:
                query = encode_image(matcher, image, self._regions_per_image)
        else:
            point = self._image(image, members=True)
            query = stored_image(point, self._rule.widths[IMAGES])
        scored = best(self._engine, query, self._rule, *limits, where)
        return self._hits(CAPTIONS, scored)

    def get(self, image_id):
        """An indexed image as a `Hit` of score 0; ValueError where there is none."""
        return _hit(self._image(image_id, payload=True), 0.0)

    def explain(self, image_id, sentence):
        """Which region of an indexed image each word chooses: list of `Word`."""
        point = self._image(image_id, members=True)
        return list(choose_regions(self._sentence(sentence), point.members))

    def add(self, images, image_ids, payloads=None):
        """Adds images, or replaces those of these ids.

        Their regions are merged to as many as the index was built with.

        Args:
            images: of any number, as `Matcher.rank` takes them.
            image_ids: ints, (images,).
            payloads: list of dicts of JSON values.
        """
        from keras_teran.search.building import image_points

        payloads = payloads or [{} for _ in image_ids]
        matcher = self.matcher
        images = images_for(matcher.model, images)
        most = self._regions_per_image
        points = image_points(matcher, images, image_ids, payloads, most)
        width = images["region_mask"].shape[1]
        self._grow(IMAGES, min(width, most or width))
        self._engine.upsert(IMAGES, points)

    def add_captions(self, captions, caption_ids, payloads=None):
        """Adds captions, or replaces those of these ids.

        Args:
            captions: list of str.
            caption_ids: ints, (captions,).
            payloads: list of dicts, such as `{"image_id": 7}`.
        """
        from keras_teran.search.building import caption_points

        payloads = payloads or [{} for _ in caption_ids]
        points = caption_points(self.matcher, captions, caption_ids, payloads)
        self._grow(CAPTIONS, int(self.matcher.tokenizer.lengths(captions).max()))
        self._engine.upsert(CAPTIONS, points)

    def update(self, image_id, payload):
        """Replaces the payload of an image; its boxes stay."""
        kept = self._image(image_id, payload=True)
        payload = {**payload, BOXES: kept.payload.get(BOXES, [])}
        self._engine.set_payload(IMAGES, kept.id, payload)

    def delete(self, image_ids=(), caption_ids=()):
        """Removes images and captions; an unknown id is no error."""
        for collection, ids in ((IMAGES, image_ids), (CAPTIONS, caption_ids)):
            if len(ids):
                self._engine.delete(collection, [check_id(value) for value in ids])

    def close(self):
        """Closes the engine."""
        self._engine.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _sentence(self, sentence, weights=None):
        matcher = self.matcher
        with self._lock:
            return encode_sentence(matcher, sentence, weights)

    def _image(self, image_id, members=False, payload=False) -> Point:
        number = check_id(image_id)
        found = self._engine.retrieve(IMAGES, [number], members, payload)
        if not found:
            raise ValueError(f"There is no image {number} in this index.")
        return found[0]

    def _hits(self, collection, scored, sentence=None):
        ids = [point_id for point_id, _ in scored]
        wants = sentence is not None
        points = self._engine.retrieve(collection, ids, wants, True) if ids else []
        by_id = {point.id: point for point in points}
        # One that was deleted meanwhile is no hit.
        found = [(by_id[i], value) for i, value in scored if i in by_id]
        return [
            _hit(
                point,
                value,
                choose_regions(sentence, point.members) if wants else (),
            )
            for point, value in found
        ]

    def _grow(self, collection, width):
        """Padded sets are as wide as the widest: under padding="zero" scores tell."""
        if width > self._rule.widths[collection]:
            self._rule.widths[collection] = width
            write_manifest(self.folder, self._manifest)


def _hit(point, score, words=()):
    payload = dict(point.payload or {})
    boxes = payload.pop(BOXES, [])
    return Hit(point.id, float(score), payload, boxes, words)


def _limits(top, candidates, exact):
    """(top, candidates), None of the latter where all are scored."""
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= MOST_HITS:
        raise ValueError(f"top must be an int from 1 to {MOST_HITS}; received {top!r}.")
    if exact:
        return top, None
    if candidates is None:
        return top, max(_FEWEST_CANDIDATES, _CANDIDATES_PER_HIT * top)
    if not isinstance(candidates, int) or not top <= candidates <= 10**6:
        raise ValueError(
            f"candidates must be an int from top={top} to 1,000,000; received "
            f"{candidates!r}."
        )
    return top, candidates
