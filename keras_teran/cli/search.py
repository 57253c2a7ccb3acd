"""`keras-teran search`."""

import dataclasses
import json
import sys
from pathlib import Path

from keras_teran.cli._parsers import add_command


def add(commands):
    """Adds `search` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "search", run, "images for a sentence, or captions for an image"
    )
    command.add_argument("index", metavar="INDEX", help="folder that index wrote")
    command.add_argument("sentence", nargs="?", help="finds images")
    command.add_argument(
        "--image",
        metavar="FILE_OR_ID",
        help="finds captions: id of an indexed image, .npz of regions and boxes, or, for "
        "a RUN with an image_backbone, a picture",
    )
    command.add_argument("--top", type=int, default=10, help="(%(default)s)")
    command.add_argument(
        "--candidates", type=int, help="of the first stage (20 a hit, at least 200)"
    )
    command.add_argument("--exact", action="store_true", help="score everything")
    command.add_argument(
        "--where",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="payload to have; VALUE is JSON or else text; may be repeated",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--run", metavar="RUN", help="where it is now, if it moved")
    command.add_argument("--api-key", help="of the server (QDRANT_API_KEY)")
    command.add_argument(
        "--engine",
        metavar="URL",
        help="of the index's server; a key goes nowhere without it",
    )


def run(arguments):
    """`keras-teran search`."""
    from keras_teran.search import Index, read_where

    if (arguments.sentence is None) == (arguments.image is None):
        raise ValueError("Give either a sentence or --image.")
    how = {
        "top": arguments.top,
        "candidates": arguments.candidates,
        "exact": arguments.exact,
        "where": read_where(arguments.where),
    }
    image = None if arguments.image is None else _image(arguments.image)
    where = arguments.index, arguments.run, arguments.api_key, arguments.engine
    with Index.open(*where) as opened:
        if image is None:
            hits = opened.search(arguments.sentence, **how)
        else:
            hits = opened.search_captions(image, **how)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(hit) for hit in hits], indent=1))
    elif hits:
        print("\n".join(map(_line, hits)))
    if hits.note:
        _tell(hits.note)


def _tell(note):
    print(f"keras-teran: {note}", file=sys.stderr)


def _line(hit):
    payload = hit.payload
    shown = payload.get("caption") or payload.get("filename") or ""
    chosen = " ".join(f"{word.text}:{word.region}" for word in hit.words)
    # A name is a stranger's text: control characters would reach the terminal.
    plain = "".join(c if c.isprintable() else "?" for c in f"{shown}  {chosen}")
    return f"{hit.score:8.3f}  {hit.id}  {plain.rstrip()}"


def _image(text):
    if text.isascii() and text.isdigit():
        return int(text)
    from keras_teran._io import require_file
    from keras_teran.search import read_image_file
    from keras_teran.vision import SUFFIXES

    require_file(
        text, f"--image {text!r} is neither an id nor a file; give an .npz file."
    )
    if Path(text).suffix.lower() in SUFFIXES:
        return Path(text)
    return read_image_file(text, text)
