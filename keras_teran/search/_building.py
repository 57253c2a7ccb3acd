"""Building an index: encodes images and captions and stores them, batch by batch."""

import hashlib
import json
import logging
import math
import uuid
from pathlib import Path

import numpy as np

from keras_teran._io import check_folder, progress_bar, shown
from keras_teran.search._address import EMBEDDED, check_engine
from keras_teran.search._digests import Digest
from keras_teran.search._engines import open_engine
from keras_teran.search._fields import fields_of, unaskable
from keras_teran.search._index_manifest import (
    FILE,
    FORMAT,
    hash_model,
    read_manifest,
    write_manifest,
)
from keras_teran.search._merge_regions import check_count, enclosing, merge
from keras_teran.search._payloads import read_payload
from keras_teran.search._queries import pooled
from keras_teran.search._schema import (
    BOXES,
    CAPTIONS,
    COLLECTIONS,
    DTYPES,
    IMAGES,
    Point,
    Schema,
    Storage,
    check_id,
    check_storage,
    check_unit,
)
from keras_teran.search._seals import seal
from keras_teran.search._shards import Shards, encode_images

_BATCH = 64
_LOG = logging.getLogger(__name__)


def build(
    run,
    captions,
    regions,
    folder,
    engine="embedded",
    payload=None,
    dtype="float32",
    api_key=None,
    storage=None,
    progress=False,
    regions_per_image=None,
    left_out=(),
    tell=_LOG.warning,
):
    """Builds an index, or goes on with a build that was stopped at any moment.

    What a batch wrote is in the engine's log when the next begins, and a batch asks
    which of its ids are there; so a killed build loses its last batch at most. Memory
    is that of a batch.

    Args:
        run: path of a RUN.
        captions: `CaptionSet`; images without captions are welcome.
        regions: `RegionStore` with the images of `captions`, or a `Shards` of them,
            which are encoded already.
        folder: path of the index.
        engine: "embedded" or the URL of a Qdrant server.
        payload: path of a JSON-lines file, an object with `image_id` a line, whose
            other fields become the payload of that image.
        dtype: "float32" or "float16", how vectors are stored.
        api_key: str, of the server.
        storage: `Storage`, how the server keeps them.
        progress: bool, show bars.
        regions_per_image: int, how many vectors an image keeps, the regions most alike
            merged (`search.merge`); None keeps them all.
        left_out: collection of int, images that `payload` may name without being there.
        tell: function of str, given a sentence on the fields of payloads that no filter
            can ask for.

    Returns:
        Dict of counts: `images`, `captions`.

    Raises:
        FileExistsError: when `folder` holds something else, or a whole index.
        ValueError: when it holds an unfinished build of other data, or an argument is
            none of the above.
        OSError: when it cannot be written; ConnectionError when the server is dead.
    """
    _check(captions, engine, dtype, storage, regions_per_image)
    extra = _extra(payload, captions, left_out, tell)
    settings = {
        "engine": engine,
        "model": hash_model(run),
        "dtype": dtype,
        "data": _fingerprint(captions, payload),
        "regions_per_image": regions_per_image,
    }
    if isinstance(regions, Shards):
        _check_shards(regions, settings["model"], run, captions)
    folder = Path(folder)
    manifest = _begin(folder, settings)
    opened = open_engine(engine, folder, api_key, manifest["prefix"], storage)
    try:
        from keras_teran.pipeline import load

        matcher = load(run)
        manifest |= {"run": str(Path(run).resolve())}
        manifest |= _contents(matcher, captions, regions, regions_per_image)
        manifest |= {"storage": vars(storage or Storage())}
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder, manifest)
        opened.create(Schema(manifest["dim"], dtype, fields_of(extra.values())))
        store = _Store(opened, dtype, progress)
        _store_images(store, matcher, captions, regions, extra, regions_per_image)
        _store_captions(store, matcher, captions)
        opened.finish()
    finally:
        opened.close()
    files = seal(folder) if engine == EMBEDDED else None
    manifest |= {"complete": True, "points": store.kept, "files": files}
    write_manifest(folder, manifest)
    return {name: kept["count"] for name, kept in store.kept.items()}


def image_points(matcher, images, image_ids, payloads, regions_per_image=None):
    """Encodes images into list of `Point`.

    Args:
        matcher: `Matcher`.
        images: dict of `regions`, `boxes` and `region_mask`, (images, ...) each.
        image_ids: ints, (images,).
        payloads: list of dicts, (images,).
        regions_per_image: int, how many vectors are kept, or None. A merged vector's
            box encloses those of its regions.
    """
    return _image_points(
        encode_images(matcher, images), image_ids, payloads, regions_per_image
    )


def caption_points(matcher, captions, caption_ids, payloads):
    """Encodes captions into list of `Point`; arguments like those of `image_points`."""
    outputs = matcher.encode(list(captions))
    points = []
    for row, text in enumerate(captions):
        members = outputs["word_embeddings"][row][outputs["word_mask"][row]]
        payload = {**payloads[row], "caption": text}
        points.append(_point(caption_ids[row], pooled(outputs)[row], members, payload))
    return points


def _check(captions, engine, dtype, storage, regions_per_image):
    """Refuses what no index can be built of, before anything is read."""
    check_engine(engine)
    check_storage(storage, engine == EMBEDDED)
    check_count(regions_per_image)
    if dtype not in DTYPES:
        raise ValueError(f"dtype={shown(dtype)} is unknown; choose one of {DTYPES}.")
    for value in (*captions.image_ids, *captions.caption_ids):
        check_id(value)


def _extra(payload, captions, left_out, tell):
    """What a file says of images: dict of id to dict."""
    if not payload:
        return {}
    extra = read_payload(payload, {*map(int, captions.image_ids), *left_out})
    if note := unaskable(extra.values()):
        tell(note)
    return extra


def _contents(matcher, captions, regions, regions_per_image):
    """What the manifest says of the model and of the sizes of its sets."""
    most = regions.max_regions
    return {
        "pooling": matcher.model.pooling,
        "padding": matcher.model.padding,
        "dim": matcher.model.config["embedding_dim"],
        "widths": {
            IMAGES: min(most, regions_per_image or most),
            CAPTIONS: _longest(matcher.tokenizer, captions.captions),
        },
    }


def _check_shards(shards, model, run, captions):
    if shards.model != model:
        raise ValueError(
            f"Another model than that of {run} encoded the shards in {shards.folder}; "
            "give the RUN that did, or encode again."
        )
    shards.check_ids(captions.image_ids)


def _begin(folder, settings):
    """The manifest of a new build, or of the one to go on with."""
    if (folder / FILE).exists():
        manifest = read_manifest(folder, complete=False)
        differing = [k for k, v in settings.items() if manifest.get(k) != v]
        if manifest["complete"]:
            raise FileExistsError(
                f"{folder} holds a whole index already; give another folder."
            )
        if differing:
            raise ValueError(
                f"{folder} holds an unfinished build that differs in "
                f"{', '.join(differing)}; give what it was begun with, or another "
                "folder."
            )
        return manifest
    check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} holds something that is no index; give a new folder."
        )
    prefix = f"keras_teran_{uuid.uuid4().hex[:12]}"
    start = {"format": FORMAT, "complete": False, "prefix": prefix, **settings}
    return {**start, "points": None, "files": None}


def _fingerprint(captions, payload):
    digest = hashlib.sha256(captions.image_ids.tobytes())
    digest.update(json.dumps([captions.filenames, captions.captions]).encode())
    digest.update(captions.caption_ids.tobytes())
    digest.update(Path(payload).read_bytes() if payload else b"")
    return digest.hexdigest()


def _store_images(store, matcher, captions, regions, extra, regions_per_image):
    by_image = np.argsort(captions.caption_to_image, kind="stable")
    starts = np.searchsorted(
        captions.caption_to_image[by_image], np.arange(len(captions.image_ids) + 1)
    )
    for rows in store.missing(IMAGES, captions.image_ids):
        ids = captions.image_ids[rows]
        payloads = []
        for row in rows:
            own = by_image[starts[row] : starts[row + 1]]
            payloads.append(
                {
                    **extra.get(int(captions.image_ids[row]), {}),
                    "filename": captions.filenames[row],
                    "caption_ids": captions.caption_ids[own].tolist(),
                    "captions": [captions.captions[place] for place in own],
                }
            )
        if isinstance(regions, Shards):
            encoded = regions.encoded(ids)
        else:
            encoded = encode_images(matcher, regions.read(ids))
        store.add(IMAGES, _image_points(encoded, ids, payloads, regions_per_image))


def _store_captions(store, matcher, captions):
    for rows in store.missing(CAPTIONS, captions.caption_ids):
        payloads = []
        for row in rows:
            image = captions.caption_to_image[row]
            payloads.append(
                {
                    "image_id": int(captions.image_ids[image]),
                    "filename": captions.filenames[image],
                }
            )
        texts = [captions.captions[row] for row in rows]
        ids = captions.caption_ids[rows]
        store.add(CAPTIONS, caption_points(matcher, texts, ids, payloads))


def _image_points(encoded, image_ids, payloads, regions_per_image):
    points = []
    for image, image_id, payload in zip(encoded, image_ids, payloads, strict=True):
        members, boxes = image.members, np.asarray(image.boxes, "float64")
        if regions_per_image and len(members) > regions_per_image:
            members, groups = merge(members.astype("float32"), regions_per_image)
            boxes = enclosing(boxes, groups)
        payload = {**payload, BOXES: boxes.round(6).tolist()}
        points.append(_point(image_id, image.pooled, members, payload))
    return points


class _Store:
    """Writes points and adds them to the hash of their collection.

    Args:
        engine: `Engine`.
        dtype: str, of the vectors that it stores.
        progress: bool, show bars.
    """

    def __init__(self, engine, dtype, progress):
        self._engine = engine
        self._digests = {name: Digest(dtype) for name in COLLECTIONS}
        self._progress = progress

    @property
    def kept(self):
        """Dict of collection to what the manifest keeps of its `Digest`."""
        return {name: digest.kept for name, digest in self._digests.items()}

    def missing(self, collection, ids):
        """Batches of the positions in `ids` that the engine does not hold yet."""
        batches = math.ceil(len(ids) / _BATCH)
        for batch in progress_bar(
            range(batches), desc=f"indexing {collection}", disable=not self._progress
        ):
            rows = np.arange(batch * _BATCH, min((batch + 1) * _BATCH, len(ids)))
            points = self._engine.retrieve(collection, ids[rows].tolist(), True, True)
            self._digests[collection].add(points)
            held = {point.id for point in points}
            rows = [int(row) for row in rows if int(ids[row]) not in held]
            if rows:
                yield rows

    def add(self, collection, points):
        """Adds points."""
        self._engine.upsert(collection, points)
        self._digests[collection].add(points)


def _point(point_id, vector, members, payload):
    members = np.asarray(members, "float32")
    if not len(members):  # no engine stores a set of none
        members = np.zeros((1, len(vector)), "float32")
    for each in (vector, members):
        check_unit(each, f"point {point_id}")
    return Point(check_id(point_id), np.asarray(vector, "float32"), members, payload)


def _longest(tokenizer, captions):
    starts = range(0, len(captions), 4096)
    lengths = (tokenizer.lengths(captions[s : s + 4096]).max() for s in starts)
    return int(max(lengths, default=0))
