"""One image, as a person or a file gives it, checked and made a batch of one."""

import numpy as np

from keras_teran.data.validity import all_finite, box_fault
from keras_teran.regions.picture_store import fit_picture, model_inputs


def image_for(model, image, region_dim=None, name="image"):
    """Checks one image for a model, whichever it takes: a batch of one.

    Args:
        model: `Teran`.
        image: a dict, see `one_image`; for a model with pixels inside, a picture: a
            file's path, a Pillow image or uint8 (height, width, 3), RGB, or the dict
            that a `PictureStore` reads of one.
        region_dim, name: see `one_image`.

    Returns:
        Dict of `boxes`, `region_mask` and what the model takes: `regions`, or `images`
        uint8 (1, height, width, 3).

    Raises:
        ValueError: naming what is wrong with it.
    """
    backbone = model.config["image_backbone"]
    if backbone is None:
        if not isinstance(image, dict):
            raise ValueError(
                f"{name} is a {type(image).__name__}; this model takes a dict of "
                "regions and boxes."
            )
        return one_image(image, region_dim, name)
    if isinstance(image, dict) and "images" in image:
        if len(image["images"]) != 1 or not {"boxes", "region_mask"} <= set(image):
            raise ValueError(
                f"{name} must be one picture as a PictureStore reads it: images, boxes "
                f"and region_mask; received {len(image['images'])} of {sorted(image)}."
            )
        return image
    return model_inputs([fit_picture(image, backbone["size"])], backbone["grid"])


def one_image(image, region_dim=None, name="image"):
    """Checks the regions and boxes of one image.

    Args:
        image: dict of `regions` float (regions, features) and `boxes` float
            (regions, 4) relative x0 y0 x1 y1, and maybe `region_mask` bool (regions,),
            True where there is a region; each with or without a leading axis of 1.
        region_dim: int, features that a region must have; None takes any.
        name: str, what errors call the image.

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
    if missing := {"regions", "boxes"} - set(image):
        raise ValueError(
            f"{name} lacks {sorted(missing)}; give regions and boxes of one image."
        )
    regions, boxes, mask = _arrays(image)
    wanted = "features" if region_dim is None else region_dim
    fits = regions.ndim == 3 and len(regions) == 1 and boxes.ndim == 3
    fits = fits and boxes.shape == (1, regions.shape[1], 4)
    fits = fits and region_dim in (None, regions.shape[2])
    if not fits or mask.shape != regions.shape[:2]:
        raise ValueError(
            f"{name} must be one image: regions (n, {wanted}), boxes (n, 4), "
            f"region_mask (n,); received {regions.shape}, {boxes.shape}, {mask.shape}."
        )
    if not all_finite(regions):
        raise ValueError(f"{name}: regions hold a number that is NaN or infinite.")
    if fault := box_fault(boxes[mask]):
        raise ValueError(
            f"{name}: {fault}; divide x by the picture's width and y by its height."
        )
    return {"regions": regions, "boxes": boxes, "region_mask": mask}


def _arrays(image):
    """Regions, boxes and mask as arrays with a leading axis."""
    with np.errstate(over="ignore"):  # beyond float32: infinite, and told as such
        regions = np.asarray(image["regions"], "float32")
        boxes = np.asarray(image["boxes"], "float32")
    mask = image.get("region_mask")
    mask = np.ones(regions.shape[:-1], bool) if mask is None else np.asarray(mask, bool)
    if regions.ndim == 2:
        regions, boxes, mask = regions[None], boxes[None], mask[None]
    return regions, boxes, mask
