"""`keras-teran regions`."""

import argparse
import sys

from keras_teran.cli._parsers import add_command

_MOST_TOGETHER = 1024


def add(commands):
    """Adds `regions` to the subparsers of `keras-teran`."""
    text = "region features and boxes from pictures"
    command = add_command(commands, "regions", run, text)
    command.add_argument("images", metavar="IMAGES", help="folder of the pictures")
    command.add_argument(
        "--extractor",
        required=True,
        metavar="SOURCE",
        help="a .tflite or .onnx file, or a KerasHub preset, of a backbone or a "
        "detector: name, hf:// or folder",
    )
    command.add_argument(
        "--out", required=True, metavar="STORE", help="folder to write; resumes"
    )
    command.add_argument(
        "--captions",
        metavar="FILE",
        help="Karpathy's: only its images, by its ids (all pictures, numbered by name)",
    )
    command.add_argument("--split", help="of the captions: train, val, test (all)")
    command.add_argument(
        "--skip-bad", action="store_true", help="pictures left out are no failure"
    )
    _add_extractor_options(command)
    for name, default, help_text in (
        ("--batch-size", 32, "pictures extracted together"),
        ("--threads", None, "that decode (one a core)"),
    ):
        shown = help_text if default is None else f"{help_text} (%(default)s)"
        command.add_argument(name, type=_positive, default=default, help=shown)
    command.add_argument(
        "--dtype",
        choices=["float16", "float32"],
        default="float16",
        help="(%(default)s)",
    )


def _add_extractor_options(command):
    group = command.add_argument_group("what the extractor does")
    group.add_argument(
        "--tensor", metavar="NAME", help="of the tensor, or layer, to take"
    )
    group.add_argument("--size", type=_positive, help="of its input, pixels a side")
    group.add_argument(
        "--grid",
        type=_positive,
        nargs="+",
        metavar="N",
        help="regions: N × N parts of the picture, for each N (a file: 1 3 5)",
    )
    group.add_argument(
        "--cells",
        action="store_true",
        help="regions: each cell or patch (a preset)",
    )
    group.add_argument(
        "--merge", type=_positive, metavar="N", help="regions: cells merged to N"
    )
    group.add_argument(
        "--boxes", metavar="STORE", help="regions: the boxes of other packed features"
    )
    group.add_argument(
        "--top",
        type=_positive,
        metavar="N",
        help="regions: a detector's N best boxes (36)",
    )
    for name, default in (("--mean", 0), ("--std", 255)):
        group.add_argument(
            name,
            type=float,
            nargs="+",
            help="the network gets (pixel - mean) / std; one number or three (a file's "
            f"float input: {default}; a preset's: its own)",
        )


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def run(arguments):
    """`keras-teran regions`."""
    from keras_teran.data import list_pictures
    from keras_teran.extract import BAD_FILE, Options, open_extractor, store_regions

    if arguments.batch_size > _MOST_TOGETHER:
        raise ValueError(
            f"--batch-size {arguments.batch_size}: at most {_MOST_TOGETHER} pictures are "
            "held together."
        )
    given = vars(arguments)
    options = {name: given[name] for name in Options.__annotations__ if name in given}
    pictures = list_pictures(arguments.images, arguments.captions, arguments.split)
    if pictures.left_aside:
        print(
            f"{len(pictures.left_aside)} files are no pictures by their name and left "
            f"aside, the first {pictures.left_aside[0]}",
            file=sys.stderr,
        )
    extractor = open_extractor(arguments.extractor, **options)
    bad = store_regions(
        extractor,
        pictures,
        arguments.out,
        arguments.dtype,
        arguments.batch_size,
        arguments.threads,
    )
    for _, fault in bad:
        print(f"left out: {fault}", file=sys.stderr)
    print(
        f"{arguments.out}: {len(pictures.names) - len(bad)} of {len(pictures.names)} "
        f"images, up to {extractor.max_regions} regions of {extractor.region_dim} each"
    )
    if bad and not arguments.skip_bad:
        raise ValueError(
            f"{len(bad)} of {len(pictures.names)} pictures cannot be used and are not "
            f"in {arguments.out}: listed above and in its {BAD_FILE}. --skip-bad says "
            "that this is no failure."
        )
