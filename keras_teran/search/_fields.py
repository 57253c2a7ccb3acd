"""Which fields of payloads a filter can ask for, and of which kind they are.

A server finds what a filter asks for by an index of that field, and reads every payload
where there is none.
"""

from keras_teran._io import shown
from keras_teran.search._schema import CAPTIONS, IMAGES, check_where

KEYWORD, INTEGER, BOOL = "keyword", "integer", "bool"
_KINDS = {str: KEYWORD, int: INTEGER, bool: BOOL}
_OTHERS = {float: "float", dict: "object", list: "list of lists"}
_NAMED = 10
# What the builder writes itself, of what a filter may ask for.
_OWN = {
    IMAGES: {"filename": KEYWORD, "caption_ids": INTEGER},
    CAPTIONS: {"filename": KEYWORD, "image_id": INTEGER},
}


def fields_of(payloads):
    """The fields that a filter can ask for, of both collections.

    Args:
        payloads: iterable of dicts, what a sidecar says of each image.

    Returns:
        Dict of collection to a dict of field to "keyword", "integer" or "bool". A field
        of several kinds, or of values that no filter can ask for, is none of them.

    >>> fields_of([{"kind": "dog", "year": 2011}, {"kind": "cat", "year": "?"}])["images"]
    {'filename': 'keyword', 'caption_ids': 'integer', 'kind': 'keyword'}
    """
    one = {
        name: next(iter(kinds))
        for name, kinds in _kinds_of(payloads).items()
        if len(kinds) == 1 and kinds <= {*_KINDS.values()}
    }
    return {IMAGES: {**_OWN[IMAGES], **one}, CAPTIONS: dict(_OWN[CAPTIONS])}


def unaskable(payloads):
    """A sentence on the fields that no filter can ask for, or not for all of them.

    Args:
        payloads: iterable of dicts.

    Returns:
        str, empty where there are none.

    >>> unaskable([{"kind": "dog", "share": 0.5, "year": 2011}, {"year": "2012"}])
    "No filter finds all of these fields: 'share' (float), 'year' (integer, keyword)."
    """
    named = [
        f"{shown(name)} ({', '.join(sorted(kinds))})"
        for name, kinds in _kinds_of(payloads).items()
        if len(kinds) > 1 or not kinds <= {*_KINDS.values()}
    ]
    if not named:
        return ""
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"No filter finds all of these fields: {', '.join(named[:_NAMED])}{more}."


def _kinds_of(payloads):
    """Dict of field to the set of its values' kinds; of none where all are empty."""
    found = {}
    for payload in payloads:
        for name, value in payload.items():
            found.setdefault(name, set()).update(_kinds(name, value))
    return {name: kinds for name, kinds in found.items() if kinds}


def _kinds(name, value):
    """The kinds of a value, or of those in a list."""
    if value is None or value == []:
        return set()
    values = value if isinstance(value, list) else [value]
    kinds = {_KINDS.get(type(one)) or _OTHERS.get(type(one), "null") for one in values}
    if len(kinds) > 1:
        return {"list of several kinds"}
    try:
        check_where({name: value})
    except ValueError:
        return kinds - {*_KINDS.values()} or {"a name or number that no filter takes"}
    return kinds
