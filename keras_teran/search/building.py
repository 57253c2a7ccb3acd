"""Building an index: encodes images and captions and stores them, batch by batch."""

import hashlib
import json
import math
import uuid
from pathlib import Path

import numpy as np

from keras_teran._io.bars import progress_bar
from keras_teran.search.engines import check_engine, open_engine
from keras_teran.search.fields import fields_of
from keras_teran.search.manifest import (
    FILE,
    FORMAT,
    hash_model,
    read_manifest,
    write_manifest,
)
from keras_teran.search.merging import check_count, enclosing, merge
from keras_teran.search.queries import pooled
from keras_teran.search.schema import (
    BOXES,
    CAPTIONS,
    COLLECTIONS,
    DTYPES,
    IMAGES,
    RESERVED,
    Point,
    Schema,
    Storage,
    check_id,
)
from keras_teran.search.shards import Shards, encode_images

_BATCH = 64


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
            merged (`merging.merge`); None keeps them all.

    Returns:
        Dict of counts: `images`, `captions`.

    Raises:
        FileExistsError: when `folder` holds something else, or a whole index.
        ValueError: when it holds an unfinished build of other data, or an argument is
            none of the above.
        OSError: when it cannot be written; ConnectionError when the server is dead.
    """
    check_engine(engine)
    check_count(regions_per_image)
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown; choose one of {DTYPES}.")
    for value in (*captions.image_ids, *captions.caption_ids):
        check_id(value)
    extra = read_payload(payload) if payload else {}
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
        from keras_teran.matcher import load

        matcher = load(run)
        model = matcher.model
        manifest |= {
            "run": str(Path(run).resolve()),
            "pooling": model.pooling,
            "padding": model.padding,
            "dim": model.config["embedding_dim"],
            "widths": {
                IMAGES: min(
                    regions.max_regions, regions_per_image or regions.max_regions
                ),
                CAPTIONS: _longest(matcher.tokenizer, captions.captions),
            },
            "storage": vars(storage or Storage()),
        }
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder, manifest)
        opened.create(Schema(manifest["dim"], dtype, fields_of(extra.values())))
        _store_images(
            opened, matcher, captions, regions, extra, progress, regions_per_image
        )
        _store_captions(opened, matcher, captions, progress)
        opened.finish()
        counts = {name: opened.count(name) for name in COLLECTIONS}
    finally:
        opened.close()
    write_manifest(folder, {**manifest, "complete": True, "counts": counts})
    return counts


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


def read_payload(path):
    """Dict of image id to a dict of JSON values, from a JSON-lines file.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: names the line that is no object, lacks `image_id`, names an image
            twice, or has a field that the index writes itself.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no payload file {path}.")
    found = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, parse_constant=_refuse)
                image_id = check_id(record.pop("image_id"))
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {number}: give a JSON object with image_id, without "
                    f"NaN and Infinity ({error})."
                ) from error
            if taken := sorted(set(record) & set(RESERVED)):
                raise ValueError(
                    f"{path}, line {number}: the index writes {taken} itself; give "
                    "these fields other names."
                )
            if image_id in found:
                raise ValueError(
                    f"{path}, line {number}: image {image_id} stands there twice."
                )
            found[image_id] = record
    return found


def _check_shards(shards, model, run, captions):
    if shards.model != model:
        raise ValueError(
            f"Another model than that of {run} encoded the shards in {shards.folder}; "
            "give the RUN that did, or encode again."
        )
    shards.check_ids(captions.image_ids)


def _refuse(constant):
    raise ValueError(constant)


def _begin(folder, settings):
    """The manifest of a new build, or of the one to go on with."""
    if (folder / FILE).is_file():
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
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} holds something that is no index; give a new folder."
        )
    prefix = f"keras_teran_{uuid.uuid4().hex[:12]}"
    return {"format": FORMAT, "complete": False, "prefix": prefix, **settings}


def _fingerprint(captions, payload):
    digest = hashlib.sha256(captions.image_ids.tobytes())
    digest.update(json.dumps([captions.filenames, captions.captions]).encode())
    digest.update(captions.caption_ids.tobytes())
    digest.update(Path(payload).read_bytes() if payload else b"")
    return digest.hexdigest()


def _store_images(
    engine, matcher, captions, regions, extra, progress, regions_per_image
):
    by_image = np.argsort(captions.caption_to_image, kind="stable")
    starts = np.searchsorted(
        captions.caption_to_image[by_image], np.arange(len(captions.image_ids) + 1)
    )
    for rows in _missing(engine, IMAGES, captions.image_ids, progress):
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
        engine.upsert(IMAGES, _image_points(encoded, ids, payloads, regions_per_image))


def _store_captions(engine, matcher, captions, progress):
    for rows in _missing(engine, CAPTIONS, captions.caption_ids, progress):
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
        engine.upsert(CAPTIONS, caption_points(matcher, texts, ids, payloads))


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


def _missing(engine, collection, ids, progress):
    """Batches of the positions in `ids` that the engine does not hold yet."""
    batches = math.ceil(len(ids) / _BATCH)
    for batch in progress_bar(
        range(batches), desc=f"indexing {collection}", disable=not progress
    ):
        rows = np.arange(batch * _BATCH, min((batch + 1) * _BATCH, len(ids)))
        held = {p.id for p in engine.retrieve(collection, ids[rows].tolist())}
        rows = [int(row) for row in rows if int(ids[row]) not in held]
        if rows:
            yield rows


def _point(point_id, vector, members, payload):
    members = np.asarray(members, "float32")
    if not len(members):  # no engine stores a set of none
        members = np.zeros((1, len(vector)), "float32")
    return Point(check_id(point_id), np.asarray(vector, "float32"), members, payload)


def _longest(tokenizer, captions):
    starts = range(0, len(captions), 4096)
    lengths = (tokenizer.lengths(captions[s : s + 4096]).max() for s in starts)
    return int(max(lengths, default=0))
