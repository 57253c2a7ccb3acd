"""Which fields of payloads a filter can ask for, and of which kind they are.

A server finds what a filter asks for by an index of that field, and reads every payload
where there is none.
"""

from keras_teran.search.schema import CAPTIONS, IMAGES, check_where

KEYWORD, INTEGER, BOOL = "keyword", "integer", "bool"
_KINDS = {str: KEYWORD, int: INTEGER, bool: BOOL}
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
    found = {}
    for payload in payloads:
        for name, value in payload.items():
            found.setdefault(name, set()).update(_kinds(name, value))
    one = {
        name: next(iter(kinds))
        for name, kinds in found.items()
        if len(kinds) == 1 and None not in kinds
    }
    return {IMAGES: {**_OWN[IMAGES], **one}, CAPTIONS: dict(_OWN[CAPTIONS])}


def _kinds(name, value):
    """The kinds of a value, or of those in a list; None where no filter asks for it."""
    if value is None or value == []:
        return set()
    try:
        values = check_where({name: value})[name]
    except ValueError:
        return {None}
    return {_KINDS[type(one)] for one in values}
