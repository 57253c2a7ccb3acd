"""`keras-teran index`, and `keras-teran index verify`."""

import sys
from pathlib import Path

from keras_teran.cli._parsers import add_command, add_run


def add(commands):
    """Adds `index` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "index", run, "an index of images and captions; resumes"
    )
    command.usage = (
        "keras-teran index RUN --out INDEX [options]\n"
        "       keras-teran index verify INDEX [--run RUN] [--engine URL]"
    )
    add_run(command)
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
    _add_data_options(command)
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
    _add_engine_options(command.add_argument_group("engine"))


def _add_data_options(command):
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


def _add_engine_options(group):
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


def run(arguments):
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
    from keras_teran.search import Index

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
    from keras_teran.data import without_bad
    from keras_teran.search import (
        EMBEDDED,
        Storage,
        build,
        check_count,
        check_engine,
        check_storage,
    )

    engine = arguments.engine or EMBEDDED
    storage = Storage(
        arguments.shards, arguments.replicas, arguments.on_disk, arguments.quantize
    )
    check_engine(engine)
    check_storage(storage, engine == EMBEDDED)
    check_count(arguments.regions_per_image)
    captions, regions = _open_images(arguments)
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


def _open_images(arguments):
    """The captions, and a `RegionStore` or the `Shards` of encoded images."""
    source = _source(arguments)
    if not arguments.encoded:
        return source.open(arguments.split, progress=True)[:2]
    from keras_teran.data import CaptionSet
    from keras_teran.search import Shards

    shards = Shards(arguments.encoded)
    if source is None:
        return CaptionSet.without_captions(shards.image_ids), shards
    return source.open_captions(arguments.split, progress=True), shards


def _source(arguments):
    """What the options name as images and captions: a `DataSource`; None: nothing."""
    from keras_teran.data import EMBEDDED, DataSource
    from keras_teran.run import read_image_backbone

    regions, captions = arguments.regions, arguments.captions
    given = [regions, arguments.pictures, arguments.encoded]
    if arguments.pictures and (regions or arguments.encoded) or not any(given):
        raise ValueError(
            "Give --regions DATA, --pictures FOLDER, or --encoded FOLDER; the last may "
            "stand beside --regions, for its captions."
        )
    if arguments.pictures:
        source = DataSource(captions=captions, images=arguments.pictures)
        backbone = read_image_backbone(arguments.run)
        return source.for_model(backbone, arguments.run, "--pictures")
    if captions:
        return DataSource(captions=captions, regions=regions, sizes=arguments.sizes)
    if regions is None:
        return None
    packed = regions != EMBEDDED and any(Path(regions).glob("regions*.npy"))
    if packed and not arguments.encoded:
        return DataSource(regions=regions)
    return DataSource.of(regions)


def _tell(note):
    print(f"keras-teran: {note}", file=sys.stderr)
