"""What an index stores, whichever engine keeps it.

Two collections of one layout, `images` and `captions`. A point has an id, a pooled
vector (`pooled`, the first stage), a multivector (`members`: region or word embeddings,
compared by MAX_SIM) and a payload. The distance is DOT: rows have unit length, and COSINE
would undo the weights of a query's words. The multivector needs no graph (m=0), since
only what the first stage found, or all of it, is ever scored by it.
"""

import json
from dataclasses import dataclass, field

import numpy as np

from keras_teran._io import one_line, shown

IMAGES = "images"
CAPTIONS = "captions"
COLLECTIONS = (IMAGES, CAPTIONS)
POOLED = "pooled"
MEMBERS = "members"
# Kept in an image's payload, handed out apart from it.
BOXES = "boxes"
# What the builder writes itself: a sidecar may not.
RESERVED = ("image_id", "filename", "caption_ids", "captions", "caption", BOXES)
DTYPES = ("float32", "float16")
LARGEST_ID = 2**63 - 1
# How far from 1 the length of a stored vector may be: half precision is off by at most
# 2**-11 a number, and shards of halves may have become an index of float32.
_LENGTH_TOLERANCE = 2e-3
# How wide a graph is searched for the first stage. By itself it finds nine tenths of the
# nearest pooled vectors, at ten times the candidates 99.6 % (benchmarks/README.md).
EF_PER_CANDIDATE = 10


class DamagedError(OSError):
    """What is stored is not what was stored."""


@dataclass(frozen=True)
class Schema:
    """Layout of both collections.

    Attributes:
        dim: int, width of all vectors.
        dtype: "float32" or "float16", how the vectors are stored.
        fields: dict of collection to a dict of payload field to its kind, "keyword",
            "integer" or "bool" (`_fields.fields_of`): what a server indexes, so that a
            filter by it need not read every payload. The embedded engine reads them.
    """

    dim: int
    dtype: str = "float32"
    fields: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Storage:
    """How a cluster keeps an index; the embedded engine takes none of it.

    Attributes:
        shards: int or None, of each collection.
        replicas: int or None, of each shard.
        on_disk: bool, vectors in files that are mapped into memory.
        quantize: bool, pooled vectors also as int8, for the first stage.
    """

    shards: int | None = None
    replicas: int | None = None
    on_disk: bool = False
    quantize: bool = False


def check_storage(storage, embedded):
    """Raises ValueError unless the options are such as their engine takes.

    Args:
        storage: `Storage`, or None.
        embedded: bool, the embedded engine keeps the index.
    """
    for name, value in vars(storage or Storage()).items():
        counts = name in ("shards", "replicas")
        option = f"--{name.replace('_', '-')}"
        if counts and value is not None and not _is_count(value):
            raise ValueError(f"{option} must be 1 or more; received {shown(value)}.")
        if not counts and not isinstance(value, bool):
            raise ValueError(
                f"{option} must be True or False; received {shown(value)}."
            )
        if embedded and value not in (None, False):
            raise ValueError(
                f"{option} is of a Qdrant server, and the engine is embedded; give "
                "--engine URL, or leave it out."
            )


@dataclass(frozen=True, eq=False)
class Point:
    """One image or one caption.

    Attributes:
        id: int, 0 or more.
        pooled: float32 (dim,); None where it was not asked for.
        members: float32 (members, dim), real rows alone, or one row of zeros where
            there is none; None where it was not asked for.
        payload: dict of JSON values; None where it was not asked for.
    """

    id: int
    pooled: np.ndarray | None = None
    members: np.ndarray | None = None
    payload: dict | None = None


def point_of(record):
    """What an engine read, as a `Point`.

    Args:
        record: with `id`, `vector` (a dict of lists, or None) and `payload`.

    Raises:
        DamagedError: unless each vector has unit length, or is all zero.
    """
    vectors = {k: np.asarray(v, "float32") for k, v in (record.vector or {}).items()}
    point = Point(record.id, vectors.get(POOLED), vectors.get(MEMBERS), record.payload)
    for vector in vectors.values():
        check_unit(vector, f"point {point.id}")
    return point


def check_unit(vectors, name):
    """Raises DamagedError unless each row has unit length, or is all zero.

    Args:
        vectors: float (..., dim).
        name: str, whose they are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors, axis=-1)
        fits = (lengths == 0) | (np.abs(lengths - 1) <= _LENGTH_TOLERANCE)
    if not fits.all():
        found = lengths[~fits].flat[0]
        raise DamagedError(
            f"A vector of {name} is damaged: its length is {found:.4g}, which has to be "
            "1. Build the index again."
        )


def check_id(value):
    """An id as int; ValueError where it is none that an index can hold."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value, whole = int(value), True
    if not whole or not 0 <= value <= LARGEST_ID:
        raise ValueError(
            f"id must be an int from 0 to 2**63 - 1; received {one_line(value, 80)!r}."
        )
    return int(value)


def check_where(where):
    """A filter as a dict of lists of values, any of which will do.

    Args:
        where: None, or a dict of payload key to str, int or bool, or a list of these.
            A key names a field of the payload itself, never a path into it. 2011.0 is
            2011, and True is not 1.

    Raises:
        ValueError: for another form, a key with a quotation mark or a backslash, or a
            value that no payload can hold.
    """
    if where is None:
        return {}
    if not isinstance(where, dict):
        raise ValueError(
            f"where must be a dict of payload keys; received {shown(where)}."
        )
    found = {}
    for key, value in where.items():
        if not is_text(key) or not key or set(key) & set('"\\'):
            raise ValueError(
                f"where has the key {str(key)[:80]!r}; give the name of a payload "
                "field, without quotation marks and backslashes."
            )
        values = list(value) if isinstance(value, list | tuple) else [value]
        values = [whole(one) for one in values]
        plain = all(is_text(v) or _is_whole(v) for v in values)
        if not plain or len({type(v) for v in values}) != 1:
            raise ValueError(
                f"where[{key[:80]!r}] must be a str, int of 64 bits or bool, or a list "
                f"of one kind; received {one_line(value, 80)!r}."
            )
        found[key] = values
    return found


def read_where(pairs):
    """A filter from text, as a command line or an address gives it.

    Args:
        pairs: list of str, `KEY=VALUE`; VALUE is JSON, or else text.

    Returns:
        Dict for `check_where`.

    Raises:
        ValueError: for a pair without `=`, or a key that stands there twice.

    >>> read_where(["kind=dog", "year=[2011, 2012]", 'name="7"'])
    {'kind': 'dog', 'year': [2011, 2012], 'name': '7'}
    """
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"where {pair[:80]!r} has no =; give KEY=VALUE.")
        if key in found:
            raise ValueError(
                f"where has {key[:80]!r} twice; give KEY=[VALUE, VALUE] for either."
            )
        try:
            found[key] = json.loads(value)
        except (ValueError, RecursionError):
            found[key] = value
    return found


def is_text(value):
    """Whether it is a str that can be stored: half a surrogate pair cannot."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def whole(value):
    """2011.0 as 2011, NumPy's values as Python's; any other value as it is.

    >>> whole(2011.0), whole(np.int64(7)), whole(0.5), whole("2011.0")
    (2011, 7, 0.5, '2011.0')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def _is_count(value):
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value < 2**31


def _is_whole(value):
    return isinstance(value, int) and -(2**63) <= value < 2**63


def quoted(key):
    """A payload key as the engines' path: dots and brackets in it mean nothing."""
    return f'"{key}"'
