"""Images as a person, a file or a store gives them: one or many, checked for a model.

`images_for` is the one entry: what `Teran.encode` encodes has come through it, whatever
asked for it. Shapes and kinds are checked at once; `cast_images` checks the numbers of a
batch at a time, so a store of any size streams.
"""

import numpy as np

from keras_teran._io import shown
from keras_teran.models._input_arrays import mask_array, number_array
from keras_teran.vision import box_fault, fit_picture, model_inputs

_NEEDED = {"regions", "boxes"}
_KNOWN = {*_NEEDED, "region_mask"}
# The largest number of each type that a model computes in.
_LARGEST = {"float16": 65504.0, "bfloat16": 3.38e38}
_LARGEST_FLOAT32 = float(np.finfo("float32").max)


def images_for(model, images, name="images"):
    """Checks images for a model, whichever and how many it is given.

    Args:
        model: `Teran`.
        images: for a model of regions, a dict of `regions` float (images, regions,
            features), `boxes` float (images, regions, 4) relative x0 y0 x1 y1 and maybe
            `region_mask` bool (images, regions); the same of one image without the
            leading axis; or a list of dicts of one image each, of any number of
            regions. For a model with pixels inside, a picture (a file's path, a Pillow
            image or uint8 (height, width, 3), RGB), a list of pictures, or the dict
            that a `PictureStore` reads.
        name: str, what errors call them.

    Returns:
        Dict with a leading axis: `regions`, `boxes` and `region_mask`, whose numbers
        `cast_images` checks batch by batch; or `images` uint8 (images, height, width,
        3), with `boxes` and `region_mask` except where a dict of `images` alone is
        given.

    Raises:
        ValueError: for another kind or shape, an image without a region, or none at
            all in a list.
    """
    if isinstance(images, list | tuple):
        if not len(images):
            raise ValueError(f"{name} is empty; give one image or more.")
        each = [
            image_for(model, image, f"{name}[{k}]") for k, image in enumerate(images)
        ]
        return _joined(each)
    if model.config["image_backbone"] is None:
        _check_dict(images, name)
        return _region_sets(images, _region_dim(model), name)
    if isinstance(images, dict):
        return _checked_pictures(images, name)
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return images_for(model, list(images), name)
    return image_for(model, images, name)


def image_for(model, image, name="image"):
    """Checks one image for a model, whichever it takes: a batch of one.

    Args:
        model: `Teran`.
        image: one image, see `images_for`; a leading axis of 1 may stand.
        name: str, what errors call it.

    Returns:
        Dict of `boxes`, `region_mask` and what the model takes: `regions`, or `images`
        uint8 (1, height, width, 3).

    Raises:
        ValueError: naming what is wrong with it; a list of images is not one.
    """
    backbone = model.config["image_backbone"]
    if isinstance(image, list | tuple | set):
        raise ValueError(
            f"{name} is a {type(image).__name__}; give one image. `rank` and `encode` "
            "take several."
        )
    if backbone is None:
        _check_dict(image, name)
        dtype = getattr(model, "compute_dtype", "float32")
        return one_image(image, _region_dim(model), name, dtype)
    if isinstance(image, dict) and "images" in image:
        if np.shape(image["images"])[:1] != (1,) or not {"boxes", "region_mask"} <= {
            *image
        }:
            count = len(image["images"]) if np.ndim(image["images"]) else 0
            raise ValueError(
                f"{name} must be one picture as a PictureStore reads it: images, boxes "
                f"and region_mask; received {count} of {sorted(map(str, image))}."
            )
        return _checked_pictures(image, name)
    return model_inputs([fit_picture(image, backbone["size"])], backbone["grid"])


def one_image(image, region_dim=None, name="image", dtype="float32"):
    """Checks the regions and boxes of one image.

    Args:
        image: dict of `regions` float (regions, features) and `boxes` float
            (regions, 4) relative x0 y0 x1 y1, and maybe `region_mask` bool (regions,),
            True where there is a region; each with or without a leading axis of 1.
        region_dim: int, features that a region must have; None takes any.
        name: str, what errors call the image.
        dtype: str, what the model computes in.

    Returns:
        Dict of `regions` float32 (1, regions, features), `boxes` float32
        (1, regions, 4) and `region_mask` bool (1, regions).

    Raises:
        ValueError: naming what is missing, or has another shape, or is not finite, or
            the box of a real region that is turned round or not within 0 to 1.

    >>> one_image({"regions": [[1.0, 2.0]], "boxes": [[0, 0, 1, 1]]})["region_mask"]
    array([[ True]])
    >>> one_image({"regions": [[1.0, 2.0]], "boxes": [[0, 0, 64, 48]]})
    Traceback (most recent call last):
    ...
    ValueError: image: box (0,) lies outside 0..1: [0.0, 0.0, 64.0, 48.0]; divide x by
    the picture's width and y by its height.
    """
    found = _region_sets(image, region_dim, name, one=True)
    return cast_images(found, dtype, [name])


def cast_images(images, dtype="float32", names=None):
    """Checks the numbers of a batch of images and makes them float32.

    Padding never changes anything: its features and boxes become 0, whatever they hold.

    Args:
        images: dict of `regions` (images, regions, features), `boxes`
            (images, regions, 4) and `region_mask` bool (images, regions).
        dtype: str, what the model computes in: numbers are finite in it too.
        names: list of str, what errors call each image.

    Returns:
        Dict of the same, float32.

    Raises:
        ValueError: naming the first image of a number that is NaN, infinite or beyond
            `dtype`, or of a box that is turned round or not within 0 to 1.
    """
    mask = images["region_mask"]
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        found = {
            n: np.asarray(images[n]).astype("float32", copy=False) for n in _NEEDED
        }
    if not mask.all():
        found = {n: np.where(mask[..., None], a, 0) for n, a in found.items()}
    regions, boxes = found["regions"], found["boxes"]
    largest = _LARGEST.get(dtype, _LARGEST_FLOAT32)
    if not (_within(regions, largest) and _are_boxes(boxes)):
        names = names or [f"image {row}" for row in range(len(mask))]
        for row, real in enumerate(mask):
            _check_one(regions[row], boxes[row][real], largest, dtype, names[row])
    return {"regions": regions, "boxes": boxes, "region_mask": mask}


def _within(array, largest):
    """Whether every number is finite and not beyond `largest`; NaN spreads in max."""
    return not array.size or bool(max(array.max(), -array.min()) <= largest)


def _are_boxes(boxes):
    inside = ((boxes >= 0) & (boxes <= 1)).all()
    return bool(inside and (boxes[..., :2] <= boxes[..., 2:]).all())


def _check_one(regions, boxes, largest, dtype, name):
    if not _within(regions, largest):
        beyond = f" or beyond {dtype}" if dtype in _LARGEST else " in float32"
        raise ValueError(
            f"{name}: regions hold a number that is NaN or infinite{beyond}."
        )
    if fault := box_fault(boxes):
        remedy = "divide x by the picture's width and y by its height"
        if "inverted" in fault:
            remedy = "give x0 y0 x1 y1, not x y width height"
        raise ValueError(f"{name}: {fault}; {remedy}.")


def _region_dim(model):
    return model.config.get("region_dim")


def _check_dict(image, name):
    if not isinstance(image, dict):
        raise ValueError(
            f"{name} is a {type(image).__name__}; this model takes a dict of "
            "regions and boxes."
        )


def _region_sets(images, region_dim, name, one=False):
    """Arrays with a leading axis, their shapes and kinds checked, uncast."""
    if missing := _NEEDED - set(images):
        raise ValueError(
            f"{name} lacks {sorted(missing)}; give regions and boxes of one image."
        )
    if unknown := set(images) - _KNOWN:
        raise ValueError(
            f"{name} has the unknown keys {shown(sorted(map(str, unknown)))}; give "
            "regions, boxes and maybe region_mask."
        )
    regions, boxes = (
        number_array(images[n], f"{name}: {n}") for n in ("regions", "boxes")
    )
    mask = images.get("region_mask")
    mask = np.ones(regions.shape[:-1], bool) if mask is None else mask
    shapes = [regions.shape, boxes.shape, np.shape(mask)]
    if regions.ndim == 2:
        regions, boxes = regions[None], boxes[None]
        shapes = [(1, *shape) for shape in shapes]
        mask = np.asarray(mask)[None]
    wanted = "features" if region_dim is None else region_dim
    fits = regions.ndim == 3 and boxes.shape == (*regions.shape[:2], 4)
    fits = fits and region_dim in (None, regions.shape[2])
    if not fits or shapes[2] != regions.shape[:2] or (one and len(regions) != 1):
        lead, of = ("", "one image") if one else ("images, ", "images")
        raise ValueError(
            f"{name} must be {of}: regions ({lead}n, {wanted}), boxes ({lead}n, 4), "
            f"region_mask ({lead}n{',' if one else ''}); received "
            f"{', '.join(map(str, shapes))}."
        )
    mask = mask_array(mask, f"{name}: region_mask", regions.shape[:2])
    if len(mask) and not (real := mask.any(axis=1)).all():
        which = name if len(mask) == 1 else f"{name}[{real.argmin()}]"
        raise ValueError(
            f"{which} has no real region: "
            f"{'region_mask is all False' if mask.shape[1] else 'regions is empty'}."
        )
    return {"regions": regions, "boxes": boxes, "region_mask": mask}


def _checked_pictures(images, name):
    """The dict of a `PictureStore`: what stands beside the pictures fits them.

    `encode_pictures` checks the pictures themselves.
    """
    if "images" not in images:
        raise ValueError(
            f"{name} has the keys {shown(sorted(map(str, images)))}; this model takes "
            "pictures: images."
        )
    beside = {"boxes", "region_mask"} & set(images)
    if len(beside) < 2:
        return images
    boxes = number_array(images["boxes"], f"{name}: boxes")
    mask = mask_array(images["region_mask"], f"{name}: region_mask", boxes.shape[:-1])
    if boxes.ndim != 3 or boxes.shape[::2] != (len(images["images"]), 4):
        raise ValueError(
            f"{name}: boxes must be (images, patches, 4) of the "
            f"{len(images['images'])} images; received {boxes.shape}."
        )
    if fault := box_fault(boxes[mask]):
        raise ValueError(f"{name}: {fault}.")
    return {"images": images["images"], "boxes": boxes, "region_mask": mask}


def _joined(each):
    """Images one by one as one batch, padded to the most regions of any."""
    most = max(one["region_mask"].shape[1] for one in each)

    def padded(array):
        if array.ndim == 4:  # pictures, which are fitted to one size
            return array
        rest = [(0, 0)] * (array.ndim - 2)
        return np.pad(array, [(0, 0), (0, most - array.shape[1]), *rest])

    return {n: np.concatenate([padded(one[n]) for one in each]) for n in each[0]}
