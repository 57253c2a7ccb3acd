"""Writes captions in the Karpathy layout, which `read_captions` reads."""

import json
from pathlib import Path

from keras_teran import _io


def write_karpathy(path, captions, splits):
    """Writes a caption file, aside first and then renamed.

    Args:
        path: the JSON file, by convention `dataset_NAME.json`.
        captions: a `CaptionSet`.
        splits: str, the split of all images; or a list of one an image.

    Raises:
        ValueError: if there is not one split an image.
    """
    if isinstance(splits, str):
        splits = [splits] * len(captions.image_ids)
    if len(splits) != len(captions.image_ids):
        raise ValueError(
            f"splits must be one an image, {len(captions.image_ids)}; received "
            f"{len(splits)}."
        )
    path = Path(path)
    content = {"dataset": path.stem.removeprefix("dataset_")}
    content["images"] = _images(captions, splits)
    _io.write_text(path, json.dumps(content, ensure_ascii=False) + "\n")


def _images(captions, splits):
    sentences = [[] for _ in splits]
    for image, text, number in zip(
        captions.caption_to_image,
        captions.captions,
        captions.caption_ids.tolist(),
        strict=True,
    ):
        sentences[image].append({"raw": text, "sentid": number})
    return [
        {
            "imgid": image_id,
            # Else they are read again as positions, by which no features are found.
            **({} if captions.ids_are_positions else {"cocoid": image_id}),
            "filename": filename,
            "split": split,
            "sentids": [sentence["sentid"] for sentence in own],
            "sentences": own,
        }
        for image_id, filename, split, own in zip(
            captions.image_ids.tolist(),
            captions.filenames,
            splits,
            sentences,
            strict=True,
        )
    ]
