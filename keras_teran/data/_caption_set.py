"""Captions in the Karpathy layout: COCO with restval, Flickr30k and Flickr8k.

The layout is that of Karpathy & Fei-Fei 2015 (arXiv 1412.2306): one JSON object whose
``images`` list holds, for each image, its ``split`` and its ``sentences``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_teran import _io
from keras_teran.data._ids import whole_number
from keras_teran.text import check_text

# COCO's captions with their words have 145 MB, its instances of 2017 448 MB.
MOST_BYTES = 2**29
_TABLES = (".csv", ".tsv", ".token", ".txt", ".jsonl", ".ndjson")
_OTHER = (
    "`keras-teran data prepare PICTURES --captions FILE --out FOLDER` makes one of "
    "COCO's captions_*.json, of .csv, .tsv, .jsonl or of Flickr's .token"
)


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
            ids that are no whole numbers or occur twice, or a position outside ``image_ids``.

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
            values = _whole_numbers(name, getattr(self, name), dtype)
            object.__setattr__(self, name, values)
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

    @classmethod
    def without_captions(cls, image_ids, filenames=None):
        """Images alone; their names are empty where none are given."""
        names = [""] * len(image_ids) if filenames is None else filenames
        return cls(image_ids, names, [], [], [])

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
            image or a caption in it is unusable: no captions, an empty caption or one
            of over 20,000 characters, an id missing, no whole number or used twice.
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
    if path.suffix.lower() in _TABLES and path.is_file():
        raise ValueError(f"{path} is no JSON file in the Karpathy layout; {_OTHER}.")
    text = _io.read_text(
        path,
        MOST_BYTES,
        f"There is no caption file {path}. Give a JSON file in the Karpathy layout "
        "(dataset_coco.json, dataset_flickr30k.json or dataset_flickr8k.json).",
    )
    if text.strip() and text.lstrip()[0] not in "{[":
        raise ValueError(f"{path} is no JSON file in the Karpathy layout; {_OTHER}.")
    content = _io.parse_json(text, path, max_depth=None)
    records = content.get("images") if isinstance(content, dict) else None
    if not isinstance(records, list) or not all(
        isinstance(record, dict) and "sentences" in record for record in records
    ):
        raise ValueError(
            f"{path} is not in the Karpathy layout: expected an object whose `images` "
            f"list holds, for each image, `split` and `sentences`; {_OTHER}."
        )
    for position, record in enumerate(records):
        _text_of(record, "split", f"{path}, images[{position}]")
    return records


def _to_caption_set(path, chosen):
    image_ids, filenames, captions, caption_ids, caption_to_image = [], [], [], [], []
    for row, (position, record) in enumerate(chosen):
        place = f"{path}, images[{position}]"
        image_id = _image_id(place, record, position)
        image_ids.append(image_id)
        filenames.append(_filename(place, record))
        for sentence in _sentences(path, record, image_id):
            caption_ids.append(_caption_id(path, image_id, sentence))
            captions.append(_text(path, image_id, sentence))
            caption_to_image.append(row)
    positions = any("cocoid" not in record for _, record in chosen)
    try:
        return CaptionSet(
            image_ids, filenames, captions, caption_ids, caption_to_image, positions
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _image_id(place, record, position):
    name = next((key for key in ("cocoid", "imgid") if key in record), None)
    if name is None:
        return position
    return whole_number(record[name], f"{place}, {name}")


def _filename(place, record):
    name = _text_of(record, "filename", place)
    folder = _text_of(record, "filepath", place)
    return f"{folder}/{name}" if folder and name else name


def _text_of(record, key, place):
    """A text that may be missing or null, and is then empty."""
    text = record.get(key)
    return "" if text is None else check_text(text, f"{place}, {key}")


def _sentences(path, record, image_id):
    sentences = record["sentences"]
    if not isinstance(sentences, list) or not all(
        isinstance(sentence, dict) for sentence in sentences
    ):
        raise ValueError(
            f"{path}: `sentences` of image {image_id} must be a list of objects; "
            f"received {_io.shown(sentences)}."
        )
    if not sentences:
        raise ValueError(
            f"{path}: image {image_id} has no captions. Remove it from the file."
        )
    return sentences


def _caption_id(path, image_id, sentence):
    if "sentid" not in sentence:
        raise ValueError(
            f"{path}: a caption of image {image_id} has no `sentid`, the caption's "
            "unique number. Add it."
        )
    return whole_number(sentence["sentid"], f"{path}, image {image_id}, sentid")


def _text(path, image_id, sentence):
    text, name = (
        sentence.get("raw"),
        f"caption {sentence['sentid']} of image {image_id}",
    )
    if text is None or (isinstance(text, str) and not text.strip()):
        raise ValueError(
            f"{path}: {name} is empty (`raw` is {_io.shown(text)}). Give it a text or "
            "remove it from the file."
        )
    return check_text(text, f"{path}: {name}")


def _whole_numbers(name, values, dtype):
    """A copy as an array of `dtype`, (n,); nothing is cut or wrapped on the way."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be of shape (n,); received {array.shape}.")
    if array.dtype.kind not in "iu":
        # The values themselves: an array of one int of 70 bits would be of floats.
        given = array.tolist() if isinstance(values, np.ndarray) else list(values)
        array = [whole_number(v, f"{name}[{row}]") for row, v in enumerate(given)]
        array = np.array(array, np.int64)
    limits = np.iinfo(dtype)
    if array.size and not limits.min <= array.min() <= array.max() <= limits.max:
        raise ValueError(f"{name} must lie within {limits.bits} bits.")
    return array.astype(dtype)


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
