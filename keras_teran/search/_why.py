"""Why a search found nothing, and whether a payload fits a filter."""

import difflib
import json

from keras_teran._io import one_line, shown
from keras_teran.search._schema import BOXES

_LOOKED_AT = 64
_KINDS = {bool: "true or false", int: "integers", str: "texts", float: "fractions"}


def fits(payload, where):
    """Whether a payload has what a filter asks for; True is not 1.

    Args:
        payload: dict of JSON values, or None.
        where: dict of lists, as `_schema.check_where` returns it.
    """
    return all(
        any(
            type(one) is type(value) and one == value
            for one in _listed((payload or {}).get(key))
            for value in values
        )
        for key, values in where.items()
    )


def why_none(engine, collection, where):
    """Why no point of a collection fits a filter.

    Args:
        engine: `Engine`.
        collection: str, "images" or "captions".
        where: dict of lists, as `_schema.check_where` returns it.

    Returns:
        str, a sentence; empty where there are points that fit.
    """
    noun = collection.removesuffix("s")
    if not engine.count(collection):
        return f"The index holds no {noun}s."
    for key, values in where.items():
        holders = engine.having(collection, key, _LOOKED_AT)
        if not holders:
            return _no_field(engine, collection, noun, key)
        stored = [one for point in holders for one in _listed(point.payload.get(key))]
        if type(values[0]) not in {type(one) for one in stored}:
            return _other_kind(key, stored[0], values)
        if not engine.scroll(collection, None, 1, {key: values})[0]:
            return f"No {noun} has {shown(key)} = {_told(values)}."
    if len(where) > 1 and not engine.scroll(collection, None, 1, where)[0]:
        pairs = [f"{shown(key)} = {_told(values)}" for key, values in where.items()]
        return f"No {noun} has all of these at once: {', '.join(pairs)}."
    return ""


def _no_field(engine, collection, noun, key):
    points, _ = engine.scroll(collection, None, _LOOKED_AT, {}, payload=True)
    known = sorted({name for point in points for name in point.payload} - {BOXES})
    if close := difflib.get_close_matches(key, known, 1):
        hint = f"; did you mean {shown(close[0])}?"
    else:
        hint = f"; there are {', '.join(map(shown, known[:20]))}." if known else "."
    return f"No {noun} has the field {shown(key)}{hint}"


def _other_kind(key, stored, values):
    held = _KINDS.get(type(stored))
    if held is None:
        return f"{shown(key)} holds objects or lists, which no filter can ask for."
    asked = _KINDS[type(values[0])]
    return (
        f"{shown(key)} holds {held}, such as {_json(stored)}; the filter asks for "
        f"{asked}: {_told(values)}."
    )


def _told(values):
    return " or ".join(map(_json, values[:5])) + (" …" if len(values) > 5 else "")


def _json(value):
    """A value as `--where KEY=VALUE` takes it, cut to 80 characters."""
    return one_line(json.dumps(value, ensure_ascii=False), 80)


def _listed(value):
    return value if isinstance(value, list) else [value]
