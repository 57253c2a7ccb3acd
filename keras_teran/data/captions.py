"""Captions in the Karpathy layout: COCO with restval, Flickr30k and Flickr8k.

The layout is that of Karpathy & Fei-Fei 2015 (arXiv 1412.2306): one JSON object whose
``images`` list holds, for each image, its ``split`` and its ``sentences``.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_teran.data.text_lines import read_text


@dataclass(frozen=True, eq=False)
class CaptionSet:
    """Images, their captions and which caption belongs to which image.

    Attributes:
        image_ids: int64, (images,). Unique; the id under which features are stored.
        filenames: one picture name an image, with its folder where the file gives one
            (``val2014/COCO_val2014_000000391895.jpg``); empty where there is none.
        captions: the raw text of every caption.
        caption_ids: int64, (captions,). Unique.
        caption_to_image: int32, (captions,). Position in ``image_ids``, 0-based.
        ids_are_positions: whether ids are positions in the file (Karpathy's ``imgid``),
            which name no image outside it; else they are the images' own (``cocoid``).

    Raises:
        ValueError: on construction, if the five do not fit together: other lengths,
            ids that occur twice, or a position outside ``image_ids``.

    Example:
        >>> captions = CaptionSet(
        ...     image_ids=np.array([7, 9]),
        ...     filenames=["a.jpg", "b.jpg"],
        ...     captions=["a dog", "a cat", "a black cat"],
        ...     caption_ids=np.array([0, 1, 2]),
        ...     caption_to_image=np.array([0, 1, 1]),
        ... )
        >>> captions.select_images([1]).captions
        ['a cat', 'a black cat']
    """

    image_ids: np.ndarray
    filenames: list[str]
    captions: list[str]
    caption_ids: np.ndarray
    caption_to_image: np.ndarray
    ids_are_positions: bool = False

    def __post_init__(self):
        for name, dtype in (
            ("image_ids", np.int64),
            ("caption_ids", np.int64),
            ("caption_to_image", np.int32),
        ):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        _check_lengths(self)
        _check_unique("image_ids", self.image_ids)
        _check_unique("caption_ids", self.caption_ids)
        positions = self.caption_to_image
        if positions.size and not 0 <= positions.min() <= positions.max() < len(
            self.image_ids
        ):
            raise ValueError(
                f"caption_to_image must lie in 0..{len(self.image_ids) - 1} (there are "
                f"{len(self.image_ids)} images); received {positions.min()} to "
                f"{positions.max()}."
            )

    def __len__(self):
        """Number of captions."""
        return len(self.captions)

    def images_of(self, caption_indices):
        """Ids of the images that captions belong to.

        Args:
            caption_indices: int, (n,). Positions in ``captions``.

        Returns:
            int64, (n,). Image ids.
        """
        return self.image_ids[self.caption_to_image[caption_indices]]

    def row_of(self, image_id=None):
        """Position of an image in ``image_ids``; of the first where no id is given.

        Raises:
            ValueError: when no image has that id.
        """
        if image_id is None:
            return 0
        rows = np.flatnonzero(self.image_ids == image_id)
        if not rows.size:
            some = ", ".join(map(str, self.image_ids[:3]))
            raise ValueError(
                f"image_id={image_id} is not in this split, whose ids are {some}, ..."
            )
        return int(rows[0])

    def captions_of(self, row):
        """The captions of the image at a position in ``image_ids``: list of str."""
        return [self.captions[i] for i in np.flatnonzero(self.caption_to_image == row)]

    def select_images(self, indices):
        """Keeps some images, in the order asked for, with all their captions.

        Args:
            indices: int, (n,). Positions in ``image_ids``, without repetition.

        Returns:
            A new ``CaptionSet``; captions keep their order within an image and follow
            the order of the images.
        """
        indices = np.asarray(indices, np.int64)
        # Stable: captions of one image stay in the order of the file.
        by_image = np.argsort(self.caption_to_image, kind="stable")
        starts = np.searchsorted(
            self.caption_to_image[by_image], np.arange(len(self.image_ids) + 1)
        )
        groups = [by_image[starts[i] : starts[i + 1]] for i in indices]
        chosen = np.concatenate(groups) if groups else np.zeros(0, np.int64)
        return CaptionSet(
            image_ids=self.image_ids[indices],
            filenames=[self.filenames[i] for i in indices],
            captions=[self.captions[c] for c in chosen],
            caption_ids=self.caption_ids[chosen],
            caption_to_image=np.repeat(
                np.arange(len(indices)), [len(group) for group in groups]
            ),
            ids_are_positions=self.ids_are_positions,
        )

    def first_captions(self, count):
        """Keeps the first ``count`` captions of every image.

        Some COCO images have six or seven captions; the published protocol
        (Karpathy & Fei-Fei 2015) scores the first five.

        Args:
            count: int, at least 1.

        Returns:
            A new ``CaptionSet`` with the same images, captions in their old order.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1; received {count}.")
        seen = np.zeros(len(self.image_ids), np.int64)
        chosen = []
        for index, image in enumerate(self.caption_to_image):
            if seen[image] < count:
                chosen.append(index)
            seen[image] += 1
        return CaptionSet(
            image_ids=self.image_ids,
            filenames=self.filenames,
            captions=[self.captions[c] for c in chosen],
            caption_ids=self.caption_ids[chosen],
            caption_to_image=self.caption_to_image[chosen],
            ids_are_positions=self.ids_are_positions,
        )


def read_captions(path, split="train", restval=True):
    """Reads one split of a caption file in the Karpathy layout.

    The id of an image is ``cocoid`` where the file has it (COCO), else ``imgid``, which
    in the Flickr30k and Flickr8k files is the position in ``images`` and so is taken
    from there when the field is absent.

    Args:
        path: the JSON file (``dataset_coco.json``, ``dataset_flickr30k.json``, ...).
        split: ``"train"``, ``"val"``, ``"test"`` or any split that the file holds; None
            for all of them.
        restval: whether ``"train"`` takes COCO's ``"restval"`` images too, as published
            results do (113,287 training images); files without any ignore it.

    Returns:
        A ``CaptionSet`` in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no Karpathy file, holds no image of the split, or an
            image or a caption in it is unusable: no captions, an empty caption, an id
            missing or used twice.
    """
    path = Path(path)
    records = _read_images(path)
    wanted = {split, "restval"} if split == "train" and restval else {split}
    chosen = [
        (position, record)
        for position, record in enumerate(records)
        if split is None or record.get("split") in wanted
    ]
    if not chosen:
        found = sorted({str(record.get("split")) for record in records})
        raise ValueError(
            f"{path} holds no image of split {split!r}; its splits are "
            f"{', '.join(found)}."
        )
    return _to_caption_set(path, chosen)


def _read_images(path):
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no caption file {path}. Give a JSON file in the Karpathy layout "
            "(dataset_coco.json, dataset_flickr30k.json or dataset_flickr8k.json)."
        )
    text = read_text(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{path} is not readable as JSON ({error}). It may be truncated: fetch it "
            "again."
        ) from error
    records = content.get("images") if isinstance(content, dict) else None
    if not isinstance(records, list) or not all(
        isinstance(record, dict) and "sentences" in record for record in records
    ):
        raise ValueError(
            f"{path} is not in the Karpathy layout: expected an object whose `images` "
            "list holds, for each image, `split` and `sentences`. COCO's own "
            "annotation files (captions_*.json, instances_*.json) are another layout."
        )
    return records


def _to_caption_set(path, chosen):
    image_ids, filenames, captions, caption_ids, caption_to_image = [], [], [], [], []
    for row, (position, record) in enumerate(chosen):
        image_id = record.get("cocoid", record.get("imgid", position))
        if not record["sentences"]:
            raise ValueError(
                f"{path}: image {image_id} has no captions. Remove it from the file."
            )
        image_ids.append(image_id)
        filenames.append(_filename(record))
        for sentence in record["sentences"]:
            caption_ids.append(_caption_id(path, image_id, sentence))
            captions.append(_text(path, image_id, sentence))
            caption_to_image.append(row)
    positions = any("cocoid" not in record for _, record in chosen)
    try:
        return CaptionSet(
            image_ids, filenames, captions, caption_ids, caption_to_image, positions
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _filename(record):
    name = record.get("filename", "")
    folder = record.get("filepath", "")
    return f"{folder}/{name}" if folder and name else name


def _caption_id(path, image_id, sentence):
    if "sentid" not in sentence:
        raise ValueError(
            f"{path}: a caption of image {image_id} has no `sentid`, the caption's "
            "unique number. Add it."
        )
    return sentence["sentid"]


def _text(path, image_id, sentence):
    text = sentence.get("raw")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"{path}: caption {sentence['sentid']} of image {image_id} is empty (`raw` "
            f"is {text!r}). Give it a text or remove it from the file."
        )
    return text


def _check_lengths(captions):
    images = {"image_ids": captions.image_ids, "filenames": captions.filenames}
    texts = {
        "captions": captions.captions,
        "caption_ids": captions.caption_ids,
        "caption_to_image": captions.caption_to_image,
    }
    for group in (images, texts):
        lengths = {name: len(values) for name, values in group.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"These must be equally long; received {lengths}.")


def _check_unique(name, values):
    unique, counts = np.unique(values, return_counts=True)
    if len(unique) < len(values):
        raise ValueError(
            f"{name} must be unique; {unique[counts > 1][:5].tolist()} occur more than "
            "once. Give each its own id."
        )
