"""`keras-teran data prepare`."""

import shlex
import sys
from collections import Counter

from keras_teran.cli._parsers import add_command


def add(commands):
    """Adds `data`, with `prepare` below it, to the subparsers of `keras-teran`."""
    text = "data sets of your own"
    data = commands.add_parser("data", help=text, description=text)
    inner = data.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "a folder of pictures and their captions into a data folder"
    command = add_command(inner, "prepare", run, text)
    command.add_argument("images", metavar="IMAGES", help="folder of the pictures")
    command.add_argument(
        "--captions",
        metavar="FILE",
        required=True,
        help=".csv, .tsv or .jsonl with image and caption; COCO's or Karpathy's .json; "
        "Flickr's .token",
    )
    command.add_argument("--out", metavar="FOLDER", required=True, help="to write")
    for split in ("val", "test"):
        command.add_argument(
            f"--{split}",
            default="0.1",
            metavar="N",
            help=f"images held out for {split}: a fraction or a count (%(default)s)",
        )
    command.add_argument(
        "--seed", type=int, default=0, help="of the splits (%(default)s)"
    )
    command.add_argument(
        "--vocab",
        metavar="PATH",
        help="RUN, BERT's folder or vocab.txt: report the words that it lacks",
    )
    command.add_argument(
        "--threads", type=int, metavar="N", help="that decode (one a core)"
    )
    command.add_argument(
        "--skip-bad",
        action="store_true",
        help="images and captions left out are no failure",
    )


def run(arguments):
    """`keras-teran data prepare`."""
    from keras_teran.data.prepare import (
        PREPARED_FILE,
        REPORT_FILE,
        captions_file,
        prepare,
    )

    prepared = prepare(
        arguments.images,
        arguments.captions,
        arguments.out,
        arguments.val,
        arguments.test,
        arguments.seed,
        arguments.vocab,
        arguments.threads,
    )
    for line in _notes(prepared):
        print(line, file=sys.stderr)
    out = arguments.out
    counts = Counter(prepared.splits)
    shares = ", ".join(f"{split} {counts[split]:,}" for split in sorted(counts))
    print(
        f"{out}: {len(prepared.splits):,} images, {len(prepared.captions):,} captions "
        f"({shares}); {REPORT_FILE} shows them"
    )
    folder, file = shlex.quote(arguments.images), shlex.quote(str(captions_file(out)))
    print(
        f"next: keras-teran regions {folder} --captions {file} --extractor SOURCE "
        f"--out {shlex.quote(out)}/regions"
    )
    if prepared.left_out and not arguments.skip_bad:
        raise ValueError(
            f"{len(prepared.left_out)} images or captions cannot be used and are not in "
            f"{out}: listed above and in its {PREPARED_FILE}. --skip-bad says that this "
            "is no failure."
        )


def _notes(prepared):
    for name, why in prepared.left_out:
        yield f"left out: {why}" if name in why else f"left out: {name}: {why}"
    if prepared.without_captions:
        yield (
            f"{len(prepared.without_captions)} pictures have no caption and are not "
            f"used, the first {prepared.without_captions[0]}"
        )
    if prepared.duplicates:
        yield (
            f"{len(prepared.duplicates)} groups of pictures are alike, the first "
            f"{' and '.join(prepared.duplicates[0]['images'][:2])}; each is in one split"
        )
    if prepared.torn:
        yield (
            f"{len(prepared.torn)} of them are not: the captions put "
            f"{' and '.join(prepared.torn[0]['images'][:2])} into several splits"
        )
