"""An index that was built: searching and changing it."""

import logging
import threading
from pathlib import Path

import numpy as np

from keras_teran.models import images_for
from keras_teran.search._address import EMBEDDED
from keras_teran.search._changes import Changes
from keras_teran.search._engines import open_engine
from keras_teran.search._fields import unaskable
from keras_teran.search._hits import Hit, Hits, choose_regions
from keras_teran.search._index_manifest import (
    FILE,
    check_model,
    check_scoring,
    read_manifest,
)
from keras_teran.search._payloads import check_payload, check_payloads
from keras_teran.search._plan import Rule, best
from keras_teran.search._queries import (
    encode_image,
    encode_sentence,
    stored_image,
)
from keras_teran.search._requests import (
    check_texts,
    engine_of,
    ids_of,
    limits_of,
)
from keras_teran.search._schema import (
    BOXES,
    CAPTIONS,
    COLLECTIONS,
    IMAGES,
    Point,
    check_id,
    check_where,
)
from keras_teran.search._seals import check_seal
from keras_teran.search._why import fits, why_none

_LOG = logging.getLogger(__name__)
# Numbers of the hits' vectors that are read to be checked, some 30 ms.
_MOST_CHECKED = 500_000


class Index:
    """Images and captions, found by each other. Open one with `Index.open`.

    After `close` every method raises ValueError.

    Args:
        folder: path of the index.
        manifest: dict, see `_index_manifest`.
        run: path of the RUN that encodes queries.
        engine: `Engine`.
    """

    def __init__(self, folder, manifest, run, engine):
        self.folder = Path(folder)
        self.run = Path(run)
        self._manifest = manifest
        self._opened = engine
        self._loaded = None
        self._lock = threading.Lock()
        self._rule = Rule(manifest["pooling"], manifest["padding"], manifest["widths"])
        # None: no regions are merged.
        self._regions_per_image = manifest["regions_per_image"]
        self._changes = Changes(self.folder, manifest, engine)

    @classmethod
    def open(cls, folder, run=None, api_key=None, engine=None):
        """Opens an index; its model is loaded when it is first needed.

        Sizes and small files are compared with what the build wrote down of them;
        `verify` reads the rest.

        Args:
            folder: path that `keras-teran index` wrote.
            run: path of the RUN, where it is not at its old place.
            api_key: str, of a Qdrant server; None for QDRANT_API_KEY.
            engine: str, the URL of the index's server. Where there is a key it has to
                be given: no key goes to an address that only `index.json` names.

        Returns:
            `Index`; a context manager.

        Raises:
            FileNotFoundError: when there is no index, or no model.
            ValueError: when its build has not ended, another model made it, it was
                changed by another hand, or a key would go to a server not given here.
            OSError: when a file of the embedded engine is missing or damaged;
                ConnectionError when its server does not answer.
        """
        manifest = read_manifest(folder)
        name = engine_of(folder, manifest["engine"], engine)
        run = manifest["run"] if run is None else run
        check_model(manifest, run)
        if name == EMBEDDED and manifest["files"] is not None:
            check_seal(folder, manifest["files"])
        told_by = Path(folder) / FILE if engine is None else None
        opened = open_engine(name, folder, api_key, manifest["prefix"], told_by=told_by)
        return cls(folder, manifest, run, opened)

    @property
    def matcher(self):
        """The `Matcher` of the RUN."""
        self._check_open()
        with self._lock:
            if self._loaded is None:
                from keras_teran.pipeline import load

                loaded = load(self.run)
                check_scoring(self._manifest, loaded.model)
                self._loaded = loaded
            return self._loaded

    @property
    def counts(self):
        """Dict of `images` and `captions`, how many the engine holds."""
        return {name: self._engine.count(name) for name in COLLECTIONS}

    def verify(self, progress=False):
        """Reads everything that is stored and compares it with what was written.

        Every vector has unit length or is all zero, no set is wider than `index.json`
        says, an image has a box a region, and the hash of all points is that of the
        build and of the changes after it. Where a change was cut short, that hash is
        written anew.

        Args:
            progress: bool, show bars.

        Returns:
            Dict of `images` and `captions`, how many there are.

        Raises:
            OSError: names what differs.
        """
        self._check_open()
        return self._changes.verify(progress)

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
            `Hits`, a list of `Hit`, best first; where it is empty its `note` says why.

        Raises:
            ValueError: for an argument that is none of the above, or a sentence of no
                known word or of over 1,000.
        """
        limits = limits_of(top, candidates, exact)
        where = check_where(where)
        found = self._sentence(sentence, word_weights)
        scored = best(self._engine, found.query, self._rule, *limits, where)
        return self._hits(IMAGES, scored, where, found)

    def search_captions(self, image, top=10, candidates=None, exact=False, where=None):
        """Captions for an image.

        Args:
            image: the id of an indexed image, or a dict of `regions` float32
                (regions, region_dim) and `boxes` float32 (regions, 4). For a model with
                pixels inside, a picture: a `pathlib.Path` or uint8 (height, width, 3).
            top, candidates, exact, where: as in `search`.

        Returns:
            `Hits`, as of `search`.

        Raises:
            ValueError: for an unknown id, or an argument of another form.
        """
        self._check_open()
        limits = limits_of(top, candidates, exact)
        where = check_where(where)
        if isinstance(image, dict | Path | np.ndarray):
            matcher = self.matcher
            with self._lock:
                query = encode_image(matcher, image, self._regions_per_image)
        else:
            point = self._image(image, members=True)
            query = stored_image(point, self._rule.widths[IMAGES])
        scored = best(self._engine, query, self._rule, *limits, where)
        return self._hits(CAPTIONS, scored, where)

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
            payloads: list of dicts of JSON values, (images,), without `boxes`.

        Raises:
            ValueError: names the image, the id or the payload that cannot be stored.
        """
        from keras_teran.search._building import image_points

        matcher = self.matcher
        ids = ids_of(image_ids, "image_ids")
        payloads = _noted(check_payloads(payloads, ids, (BOXES,)))
        images = images_for(matcher.model, images)
        if not {"boxes", "region_mask"} <= set(images):
            raise ValueError(
                "images lacks boxes and region_mask; give pictures, or what a "
                "PictureStore reads."
            )
        width = images["region_mask"].shape[1]
        if (count := len(images["region_mask"])) != len(ids):
            raise ValueError(
                f"images holds {count} images, image_ids {len(ids)}; give an id each."
            )
        most = self._regions_per_image
        points = image_points(matcher, images, ids, payloads, most)
        self._grow(IMAGES, min(width, most or width))
        self._changes.upsert(IMAGES, points)

    def add_captions(self, captions, caption_ids, payloads=None):
        """Adds captions, or replaces those of these ids.

        Args:
            captions: list of str.
            caption_ids: ints, (captions,).
            payloads: list of dicts of JSON values, such as `{"image_id": 7}`, without
                `caption`.

        Raises:
            ValueError: names the caption, the id or the payload that cannot be stored.
        """
        from keras_teran.search._building import caption_points

        matcher = self.matcher
        ids = ids_of(caption_ids, "caption_ids")
        captions = check_texts(captions, len(ids))
        payloads = _noted(check_payloads(payloads, ids, ("caption",)))
        if not ids:
            return
        points = caption_points(matcher, captions, ids, payloads)
        self._grow(CAPTIONS, int(matcher.tokenizer.lengths(captions).max()))
        self._changes.upsert(CAPTIONS, points)

    def update(self, image_id, payload):
        """Replaces the payload of an image, a dict of JSON values; its boxes stay."""
        kept = self._image(image_id, payload=True)
        payload = check_payload(payload, f"The payload of {kept.id}", (BOXES,))
        _noted([payload])
        payload[BOXES] = kept.payload.get(BOXES, [])
        self._changes.set_payload(IMAGES, kept.id, payload)

    def delete(self, image_ids=(), caption_ids=()):
        """Removes images and captions; an unknown id is no error."""
        self._check_open()
        ids = {
            IMAGES: ids_of(image_ids, "image_ids"),
            CAPTIONS: ids_of(caption_ids, "caption_ids"),
        }
        for collection, own in ids.items():
            if own:
                self._changes.delete(collection, own)

    def close(self):
        """Closes the engine; a second time it does nothing."""
        if self._opened is not None:
            self._opened = None
            self._changes.close()

    def __enter__(self):
        self._check_open()
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def _engine(self):
        self._check_open()
        return self._opened

    def _check_open(self):
        if self._opened is None:
            raise ValueError(f"The index {self.folder} is closed; open it again.")

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

    def _hits(self, collection, scored, where, sentence=None):
        ids = [point_id for point_id, _ in scored]
        read = self._read(collection, ids, sentence is not None) if ids else []
        by_id = {point.id: point for point in read}
        # One that was deleted or changed meanwhile is no hit.
        found = [
            _hit(
                by_id[point_id],
                value,
                choose_regions(sentence, by_id[point_id].members) if sentence else (),
            )
            for point_id, value in scored
            if point_id in by_id and fits(by_id[point_id].payload, where)
        ]
        note = "" if found else why_none(self._engine, collection, where)
        return Hits(found, note)

    def _read(self, collection, ids, members):
        """The points of hits: as many with vectors as are quick to check."""
        engine, first = self._engine, len(ids)
        if not members:
            width = self._rule.widths[collection] * self._manifest["dim"]
            first = max(1, _MOST_CHECKED // max(1, width))
        points = engine.retrieve(collection, ids[:first], True, True)
        if ids[first:]:
            points += engine.retrieve(collection, ids[first:], False, True)
        return points

    def _grow(self, collection, width):
        """Padded sets are as wide as the widest: under padding="zero" scores tell."""
        self._rule.widths[collection] = max(width, self._rule.widths[collection])


def _hit(point, score, words=()):
    payload = dict(point.payload or {})
    boxes = payload.pop(BOXES, [])
    return Hit(point.id, float(score), payload, boxes, words)


def _noted(payloads):
    """The payloads, after the fields that no filter can ask for were logged."""
    if note := unaskable(payloads):
        _LOG.warning(note)
    return payloads
