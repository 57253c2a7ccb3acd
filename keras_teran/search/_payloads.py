"""Payloads: what may be kept with an image or a caption, checked in one place."""

import math

from keras_teran._io import parse_json, read_text, shown
from keras_teran.search._schema import RESERVED, check_id, is_text, whole

_MOST_DEPTH = 32
_MOST_BYTES = 2**29


def check_payload(payload, name, taken=()):
    """A payload as an index keeps it: whole floats are integers, tuples are lists.

    Args:
        payload: dict of JSON values; NumPy's numbers are taken as Python's.
        name: str, what errors call it.
        taken: names of the fields that the index writes itself.

    Returns:
        Dict.

    Raises:
        ValueError: of one line that names what cannot be kept.
    """
    if not isinstance(payload, dict):
        raise ValueError(
            f"{name} must be a dict of JSON values; received {shown(payload)}."
        )
    found = _plain(payload, name, 0)
    if used := sorted({*found} & {*taken}):
        raise ValueError(
            f"{name}: the index writes {used} itself; give these fields other names."
        )
    return found


def check_payloads(payloads, ids, taken):
    """The payloads of several points, see `check_payload`; None for empty ones.

    Raises:
        ValueError: also if there are not as many as `ids`.
    """
    if payloads is None:
        return [{} for _ in ids]
    if not isinstance(payloads, list | tuple) or len(payloads) != len(ids):
        raise ValueError(
            f"payloads must be a list of {len(ids)} dicts, one an id; received "
            f"{shown(payloads)}."
        )
    return [
        check_payload(payload, f"The payload of {number}", taken)
        for number, payload in zip(ids, payloads, strict=True)
    ]


def read_payload(path, known=None):
    """Payloads from a JSON-lines file.

    Args:
        path: of the file, an object with `image_id` a line.
        known: collection of int, ids of the images that there are; None takes any.

    Returns:
        Dict of image id to a dict of JSON values.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: names the line that is no object, lacks `image_id`, names an image
            twice or one that is not known, or has a field that the index writes itself.
    """
    text = read_text(path, _MOST_BYTES, f"There is no payload file {path}.")
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name = f"{path}, line {number}"
        record = parse_json(line, name)
        if not isinstance(record, dict) or "image_id" not in record:
            raise ValueError(
                f"{name}: give a JSON object with image_id; received {shown(record)}."
            )
        try:
            image_id = check_id(whole(record.pop("image_id")))
        except ValueError as error:
            raise ValueError(f"{name}: image_id: {error}") from None
        if known is not None and image_id not in known:
            raise ValueError(
                f"{name}: image {image_id} is not among the images to index; remove "
                "the line, or give its image."
            )
        if image_id in found:
            raise ValueError(f"{name}: image {image_id} stands there twice.")
        found[image_id] = check_payload(record, name, RESERVED)
    return found


def _plain(value, name, depth):
    if depth > _MOST_DEPTH:
        raise ValueError(f"{name}: values are nested over {_MOST_DEPTH} deep.")
    value = whole(value)
    if value is None or isinstance(value, bool) or is_text(value):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, name, depth + 1) for item in value]
    if isinstance(value, dict) and all(map(is_text, value)):
        return {key: _plain(item, name, depth + 1) for key, item in value.items()}
    raise ValueError(
        f"{name} holds {shown(value)}; give JSON values: texts, finite numbers of 64 "
        "bits, true, false, null, lists, and objects of these."
    )
