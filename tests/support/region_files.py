"""Small region features on disk, in both layouts, for the tests of the data."""

import numpy as np

from keras_teran.data._caption_set import CaptionSet


def write_original(folder, counts, dim=6, size=(200, 100), seed=0):
    """Writes ``bu_att`` and ``bu_box`` for images ``{id: number of regions}``.

    Returns:
        What was written: ``{id: (features, boxes in pixels)}``.
    """
    generator = np.random.default_rng(seed)
    (folder / "bu_att").mkdir(parents=True, exist_ok=True)
    (folder / "bu_box").mkdir(exist_ok=True)
    written = {}
    for image_id, count in counts.items():
        features = generator.standard_normal((count, dim)).astype(np.float32)
        corners = np.sort(generator.uniform(0, 1, (count, 2, 2)), axis=1)
        boxes = (corners * size).reshape(count, 4).astype(np.float32)
        np.savez_compressed(folder / "bu_att" / f"{image_id}.npz", feat=features)
        np.save(folder / "bu_box" / f"{image_id}.npy", boxes)
        written[image_id] = (features, boxes)
    return written


def write_packed(folder, images=5, regions=3, dim=4, dtype="float32", seed=0, **extra):
    """Writes packed arrays; ``extra`` gives ``ids``, ``counts`` or ``scale``.

    Returns:
        The regions and the boxes as written.
    """
    generator = np.random.default_rng(seed)
    shape = (images, regions)
    if dtype == "int8":
        features = generator.integers(-127, 128, (*shape, dim)).astype(np.int8)
    else:
        features = generator.standard_normal((*shape, dim)).astype(dtype)
    boxes = np.sort(generator.uniform(0, 1, (*shape, 2, 2)), axis=2)
    boxes = boxes.reshape(*shape, 4).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"regions.{dtype}.npy", features)
    np.save(folder / "boxes.npy", boxes)
    for name, values in extra.items():
        np.save(folder / f"{name}.npy", np.asarray(values))
    return features, boxes


def captions_of(texts, image_ids):
    """A ``CaptionSet`` of one caption for each of ``image_ids``, which may repeat."""
    unique = list(dict.fromkeys(image_ids))
    return CaptionSet(
        image_ids=unique,
        filenames=[f"{image_id}.jpg" for image_id in unique],
        captions=list(texts),
        caption_ids=np.arange(len(texts)) + 100,
        caption_to_image=[unique.index(image_id) for image_id in image_ids],
    )
