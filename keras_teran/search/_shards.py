"""Images encoded ahead of their index, in shards that many processes write at once.

A folder of shards holds `shards.json`, the plan, and a folder a shard with five arrays:

=============== ==================================================================
``ids.npy``     int64, (images,)
``pooled.npy``  float32 or float16, (images, dim): the vectors of the first stage
``counts.npy``  int64, (images,): real regions of each image
``members.npy`` float32 or float16, (regions of all images, dim): region embeddings
``boxes.npy``   float32, (regions of all images, 4), relative x0 y0 x1 y1
=============== ==================================================================

A shard is written aside and renamed when whole: a process that is killed leaves none, and
who comes next sees which are missing. `build` takes a `Shards` in place of regions.
"""

import functools
import hashlib
import shutil
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pydantic

from keras_teran._io import map_npy, shown, whole_folder, write_json
from keras_teran.data import ImageRows
from keras_teran.models import images_for
from keras_teran.search._index_manifest import Count, Hash, hash_model, read_described
from keras_teran.search._queries import pooled
from keras_teran.search._schema import DTYPES, DamagedError, check_unit
from keras_teran.vision import box_fault

FILE = "shards.json"
FORMAT = 1
_ARRAYS = ("ids", "pooled", "counts", "members", "boxes")
_ENCODED_AT_ONCE = 256
_MOST_MISSING = 10**6
_NUMBERS = {"ids": "i", "pooled": "f", "counts": "i", "members": "f", "boxes": "f"}


class Plan(pydantic.BaseModel, extra="forbid"):
    """The content of `shards.json`."""

    format: Literal[FORMAT]
    model: Hash
    images: Count
    images_sha256: Hash
    images_a_shard: Annotated[int, pydantic.Field(ge=1, lt=2**31)]
    max_regions: Annotated[int, pydantic.Field(ge=1, le=10**6)]
    dtype: Literal["float32", "float16"]


class Encoded(NamedTuple):
    """An encoded image: pooled (dim,), members (regions, dim), boxes (regions, 4)."""

    pooled: np.ndarray
    members: np.ndarray
    boxes: np.ndarray


def encode_images(matcher, images):
    """Encodes images.

    Args:
        matcher: `Matcher`.
        images: of any number, see `images_for`.

    Returns:
        List of `Encoded`, real regions alone.

    Raises:
        ValueError: as `images_for`; for pictures without boxes.
    """
    images = images_for(matcher.model, images)
    if not {"boxes", "region_mask"} <= set(images):
        raise ValueError(
            "images lacks boxes and region_mask; give pictures, or what a PictureStore "
            "reads."
        )
    outputs = matcher.encode(images)
    return [
        Encoded(vector, members[real], np.asarray(boxes)[real])
        for vector, members, boxes, real in zip(
            pooled(outputs),
            outputs["region_embeddings"],
            images["boxes"],
            images["region_mask"],
            strict=True,
        )
    ]


def plan_shards(run, regions, folder, images_a_shard=4096, dtype="float16"):
    """Begins a folder of shards, or finds out what one lacks.

    One process does this, before any other writes; what killed ones left goes.

    Args:
        run: path of the RUN that encodes.
        regions: `RegionStore`, all of whose images are encoded.
        folder: path, new or of the same plan.
        images_a_shard: int, 1 or more.
        dtype: "float32" or "float16", of the vectors.

    Returns:
        List of int, the shards still to be written.

    Raises:
        ValueError: for an argument of another form, or when the folder was begun with
            another model, other images or other options.
    """
    whole = isinstance(images_a_shard, int) and not isinstance(images_a_shard, bool)
    if dtype not in DTYPES or not whole or images_a_shard < 1:
        raise ValueError(
            f"dtype={shown(dtype)} must be one of {DTYPES}, and "
            f"images_a_shard={shown(images_a_shard)} 1 or more."
        )
    folder, ids = Path(folder), np.asarray(regions.image_ids, np.int64)
    plan = {
        "format": FORMAT,
        "model": hash_model(run),
        "images": len(ids),
        "images_sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
        "images_a_shard": images_a_shard,
        "max_regions": regions.max_regions,
        "dtype": dtype,
    }
    if (folder / FILE).is_file():
        begun = read_plan(folder)
        if differing := [name for name in plan if plan[name] != begun.get(name)]:
            raise ValueError(
                f"{folder} was begun with another {', '.join(differing)}; give what it "
                "was begun with, or another folder."
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, plan)
    for left in folder.glob(".*.part"):
        shutil.rmtree(left)
    return missing_shards(folder, plan)


def read_plan(folder):
    """The dict in `shards.json`; FileNotFoundError or ValueError where there is none."""
    missing = f"There are no shards in {folder}: it has no {FILE}."
    return read_described(Path(folder) / FILE, Plan, FORMAT, missing, "encode again")


def missing_shards(folder, plan):
    """Numbers of the shards that a plan wants and a folder lacks."""
    count = -(-plan["images"] // plan["images_a_shard"])
    there = sum(1 for path in Path(folder).iterdir() if path.is_dir())
    if count - there > _MOST_MISSING:
        raise ValueError(
            f"{folder} lacks {count - there:,} of {count:,} shards, over "
            f"{_MOST_MISSING:,}; give --images-a-shard a larger number, and encode again."
        )
    return [n for n in range(count) if not _path(folder, n).is_dir()]


def write_shard(matcher, regions, folder, number):
    """Encodes one shard of a plan and writes it.

    Args:
        matcher: `Matcher` of the plan's model.
        regions: `RegionStore`, that of the plan.
        folder: path, see `plan_shards`.
        number: int, of the shard.

    Returns:
        int, its images.
    """
    plan, final = read_plan(folder), _path(folder, number)
    first = number * plan["images_a_shard"]
    ids = np.asarray(regions.image_ids, np.int64)[first:][: plan["images_a_shard"]]
    encoded = []
    for start in range(0, len(ids), _ENCODED_AT_ONCE):
        part = ids[start : start + _ENCODED_AT_ONCE]
        encoded += encode_images(matcher, regions.read(part))
    arrays = {
        "ids": ids,
        "pooled": np.stack([image.pooled for image in encoded]).astype(plan["dtype"]),
        "counts": np.array([len(image.members) for image in encoded], np.int64),
        "members": np.concatenate([i.members for i in encoded]).astype(plan["dtype"]),
        "boxes": np.concatenate([image.boxes for image in encoded]).astype("float32"),
    }
    try:
        with whole_folder(final) as aside:
            for name, array in arrays.items():
                np.save(aside / f"{name}.npy", array)
    except OSError:
        # Somebody did the same: a worker that was thought dead, say.
        if not final.is_dir():
            raise
    return len(ids)


class Shards:
    """A whole folder of shards, for `build` in place of regions.

    Args:
        folder: path.

    Attributes:
        model: str, hash of the model that encoded.
        image_ids: int64, (images,).
        max_regions: int, to which the images' regions were padded.

    Raises:
        FileNotFoundError: when there are none.
        ValueError: when some are missing or damaged.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        plan = read_plan(self.folder)
        if missing := missing_shards(self.folder, plan):
            raise ValueError(
                f"{self.folder} lacks {len(missing):,} shards, the first of them "
                f"{missing[0]}: encode again, which goes on."
            )
        self.model, self.max_regions = plan["model"], plan["max_regions"]
        self._images_a_shard = plan["images_a_shard"]
        count = -(-plan["images"] // plan["images_a_shard"])
        ids = [self._load(number, "ids") for number in range(count)]
        ids = np.concatenate([*ids, np.zeros(0, np.int64)])
        if hashlib.sha256(ids.tobytes()).hexdigest() != plan["images_sha256"]:
            raise ValueError(
                f"{self.folder} is damaged: its shards hold other images than {FILE} "
                "says; encode again."
            )
        self._rows = ImageRows(ids, folder)
        # Images are asked for in their order: the shard at hand stays open.
        self._open = functools.lru_cache(maxsize=2)(self._arrays)

    @property
    def image_ids(self):
        """Ids of the images, in the order in which they were encoded."""
        return self._rows.image_ids

    def check_ids(self, image_ids):
        """Raises ValueError, naming some, where images are not among the encoded."""
        self._rows.rows(image_ids)

    def encoded(self, image_ids):
        """List of `Encoded` of images, float32; ValueError names unknown ids."""
        found = []
        for row in self._rows.rows(image_ids):
            number, place = divmod(int(row), self._images_a_shard)
            arrays, ends = self._open(number)
            start = ends[place] - arrays["counts"][place]
            image = Encoded(
                np.asarray(arrays["pooled"][place], "float32"),
                np.asarray(arrays["members"][start : ends[place]], "float32"),
                np.asarray(arrays["boxes"][start : ends[place]]),
            )
            try:
                check_unit(image.pooled, f"image {image_ids[len(found)]}")
                check_unit(image.members, f"image {image_ids[len(found)]}")
            except DamagedError as error:
                raise self._damaged(number, error) from None
            if fault := box_fault(image.boxes):
                raise self._damaged(number, fault)
            found.append(image)
        return found

    def _arrays(self, number):
        """The mapped arrays of a shard, and where the regions of each image end."""
        arrays = {name: self._load(number, name) for name in _ARRAYS}
        counts = arrays["counts"]
        if counts.ndim != 1 or not ((counts >= 0) & (counts <= self.max_regions)).all():
            raise self._damaged(number, "its counts of regions cannot be")
        ends = np.cumsum(counts)
        images, total = len(arrays["ids"]), int(counts.sum())
        dim = arrays["pooled"].shape[-1]
        shapes = {name: array.shape for name, array in arrays.items()}
        wanted = {
            "ids": (images,),
            "pooled": (images, dim),
            "counts": (images,),
            "members": (total, dim),
            "boxes": (total, 4),
        }
        if shapes != wanted:
            raise self._damaged(number, "its arrays do not fit each other")
        return arrays, ends

    def _load(self, number, name):
        try:
            array = map_npy(_path(self.folder, number) / f"{name}.npy")
        except (OSError, ValueError) as error:
            raise self._damaged(number, error) from None
        if array.dtype.kind != _NUMBERS[name] or array.ndim == 0:
            raise self._damaged(number, f"{name} is {array.dtype} {array.shape}")
        return array

    def _damaged(self, number, fault):
        path = _path(self.folder, number)
        return ValueError(f"{path} is damaged; remove it and encode again. {fault}")


def _path(folder, number):
    return Path(folder) / f"{number:06d}"
