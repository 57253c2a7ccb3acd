"""`keras-teran index` and `keras-teran search`."""

import dataclasses
import json
import sys
from pathlib import Path


def add_search_commands(commands, add):
    """Adds both commands.

    Args:
        commands: subparsers of `argparse`.
        add: function of (commands, function, help) that adds a parser.
    """
    _add_index(add(commands, index, "an index of images and captions; resumes"))
    _add_search(
        add(commands, search, "images for a sentence, or captions for an image")
    )


def _add_index(command):
    command.usage = (
        "keras-teran index RUN --out INDEX [options]\n"
        "       keras-teran index verify INDEX [--run RUN] [--engine URL]"
    )
    command.add_argument("run", metavar="RUN", help="folder that training wrote")
    command.add_argument(
        "index",
        metavar="verify INDEX",
        nargs="?",
        help="in place of RUN: reads all of an index and compares it with what was "
        "written",
    )
    command.add_argument(
        "--run", dest="moved", metavar="RUN", help="of verify: where it is now"
    )
    command.add_argument(
        "--regions",
        metavar="DATA",
        help="the word embedded; a folder with one folder a split, as --data of train; "
        "or region features, with --captions or, packed ones, without captions",
    )
    command.add_argument(
        "--encoded",
        metavar="FOLDER",
        help="images encoded already (shards that examples/encode_corpus_ray.py "
        "writes); captions are those of --regions or --captions, or none",
    )
    command.add_argument(
        "--pictures",
        "--images",
        metavar="FOLDER",
        help="in place of --regions, for a RUN with an image_backbone; with --captions "
        "those that they name",
    )
    command.add_argument(
        "--skip-bad", action="store_true", help="pictures left out are no failure"
    )
    command.add_argument("--captions", metavar="FILE", help="captions, Karpathy layout")
    command.add_argument("--sizes", metavar="PATH", help="image sizes, as for train")
    command.add_argument("--split", default="test", help="of the data (%(default)s)")
    command.add_argument("--out", metavar="INDEX", help="folder to write; resumes")
    command.add_argument(
        "--payload",
        metavar="FILE",
        help="JSON lines, an object with image_id and what to keep with that image",
    )
    command.add_argument(
        "--dtype",
        choices=["float32", "float16"],
        default="float32",
        help="(%(default)s)",
    )
    command.add_argument(
        "--regions-per-image",
        metavar="N",
        type=int,
        help="vectors an image keeps, the regions most alike merged (all regions)",
    )
    group = command.add_argument_group("engine")
    group.add_argument(
        "--engine", help="embedded, or the URL of a Qdrant server (embedded)"
    )
    group.add_argument("--api-key", help="of the server (QDRANT_API_KEY)")
    group.add_argument("--shards", type=int, help="of each collection")
    group.add_argument("--replicas", type=int, help="of each shard")
    group.add_argument("--on-disk", action="store_true", help="vectors in mapped files")
    group.add_argument(
        "--quantize", action="store_true", help="pooled vectors also as int8"
    )


def _add_search(command):
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


def index(arguments):
    """`keras-teran index`."""
    if arguments.index is not None:
        _verify(arguments)
        return
    if arguments.out is None:
        raise ValueError("Give --out INDEX, the folder to write.")
    if arguments.moved is not None:
        raise ValueError("--run is of `keras-teran index verify INDEX` alone.")
    _build(arguments)


def _verify(arguments):
    from keras_teran.search.index import Index

    if arguments.run != "verify" or arguments.out is not None:
        raise ValueError(
            "Give `keras-teran index RUN --out INDEX`, or `keras-teran index verify "
            f"INDEX`; received {arguments.run} {arguments.index}."
        )
    where = arguments.index, arguments.moved, arguments.api_key, arguments.engine
    with Index.open(*where) as opened:
        counts = opened.verify(progress=True)
    print(
        f"{arguments.index}: {counts['images']:,} images, {counts['captions']:,} "
        "captions, all as they were written"
    )


def _build(arguments):
    from keras_teran.search.address import EMBEDDED, check_engine
    from keras_teran.search.building import build
    from keras_teran.search.merging import check_count
    from keras_teran.search.schema import Storage, check_storage
    from keras_teran.search.sources import open_data, without_bad

    engine = arguments.engine or EMBEDDED
    storage = Storage(
        arguments.shards, arguments.replicas, arguments.on_disk, arguments.quantize
    )
    check_engine(engine)
    check_storage(storage, engine == EMBEDDED)
    check_count(arguments.regions_per_image)
    captions, regions = open_data(arguments)
    captions, faults = without_bad(captions, regions)
    for fault in faults.values():
        print(f"left out: {fault}", file=sys.stderr)
    counts = build(
        arguments.run,
        captions,
        regions,
        arguments.out,
        engine,
        arguments.payload,
        arguments.dtype,
        arguments.api_key,
        storage,
        progress=True,
        regions_per_image=arguments.regions_per_image,
        left_out=faults,
        tell=_tell,
    )
    print(
        f"{arguments.out}: {counts['images']:,} images, {counts['captions']:,} captions"
    )
    if faults and not arguments.skip_bad:
        raise ValueError(
            f"{len(faults)} pictures cannot be used and are not in {arguments.out}: "
            "listed above. --skip-bad says that this is no failure."
        )


def search(arguments):
    """`keras-teran search`."""
    from keras_teran.search.index import Index
    from keras_teran.search.schema import read_where

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
    from keras_teran.regions.decode import SUFFIXES
    from keras_teran.search.image_file import read_image_file

    require_file(
        text, f"--image {text!r} is neither an id nor a file; give an .npz file."
    )
    if Path(text).suffix.lower() in SUFFIXES:
        return Path(text)
    return read_image_file(text, text)
