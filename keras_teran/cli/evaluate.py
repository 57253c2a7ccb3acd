"""`keras-teran evaluate`."""

import functools

from keras_teran.cli._parsers import add_command, add_split
from keras_teran.cli.data_options import (
    add_data_options,
    open_for_run,
    open_source,
)
from keras_teran.evaluation import PROTOCOLS, ZERO_RULES


def add(commands):
    """Adds `evaluate` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "evaluate", run, "recall both ways, all images, all captions"
    )
    command.add_argument(
        "runs", metavar="RUN", nargs="+", help="folder that training wrote"
    )
    add_data_options(command, "what the run was trained on")
    add_split(command)
    command.add_argument("--json", metavar="FILE", help="write the figures there too")
    _add_protocol_options(command)


def run(arguments):
    """`keras-teran evaluate`."""
    from keras_teran import _io

    _io.whole("--seed", arguments.seed)
    if arguments.json:
        _io.check_output(arguments.json)
    result, text = (
        _evaluate_protocol(arguments) if arguments.protocol else _recall(arguments)
    )
    print(text)
    if arguments.json:
        _io.write_json(arguments.json, result)


def _evaluate_protocol(arguments):
    from keras_teran.evaluation import evaluate_protocol, format_protocol

    # Runs on the same data share what is opened once.
    opened = functools.cache(open_source)
    result = evaluate_protocol(
        arguments.runs,
        lambda run: open_for_run(arguments, run, opened)[:2],
        arguments.protocol,
        rouge_l=arguments.rouge_l,
        spice=arguments.spice,
        zero_ndcg=arguments.zero_ndcg,
        seed=arguments.seed,
        trec=arguments.trec,
        eccv=arguments.eccv,
        progress=True,
    )
    result = {"split": arguments.split, **result}
    return result, f"split {arguments.split}, {format_protocol(result)}"


def _recall(arguments):
    """Of one run, on all images and captions of any split."""
    import keras_teran
    from keras_teran.evaluation import evaluate_split

    _refuse_protocol_options(arguments)
    matcher = keras_teran.load(arguments.runs[0])
    captions, regions, drawn = open_for_run(arguments, arguments.runs[0])
    return evaluate_split(matcher, captions, regions, drawn, arguments.split)


def _add_protocol_options(command):
    """Adds the group of options to an `argparse` parser."""
    group = command.add_argument_group(
        "published protocols",
        "The first five captions of each image, with intervals. Several runs are "
        "compared with the first, and also evaluated as an ensemble.",
    )
    group.add_argument(
        "--protocol",
        choices=list(PROTOCOLS),
        help="coco-1k: the mean over five folds of 1,000 images; the others: all",
    )
    group.add_argument(
        "--rouge-l",
        metavar="FILE",
        help="NDCG@25 by these ROUGE-L relevances: the authors' file, or one to write",
    )
    group.add_argument(
        "--spice",
        metavar="FILE",
        help="NDCG@25 by these SPICE relevances: the authors' file (SPICE needs Java "
        "and is not computed here)",
    )
    group.add_argument(
        "--zero-ndcg",
        choices=ZERO_RULES,
        default=ZERO_RULES[0],
        help="image to text, queries whose NDCG is 0 (%(default)s, as the original)",
    )
    group.add_argument(
        "--trec", metavar="DIR", help="new folder for TREC runs and qrels"
    )
    group.add_argument(
        "--eccv",
        action="store_true",
        help="with coco-5k: COCO, CxC and ECCV figures by the package eccv_caption",
    )
    group.add_argument(
        "--seed", type=int, default=0, help="of intervals and tests (%(default)s)"
    )


def _refuse_protocol_options(arguments):
    """Refuses what has no meaning without a protocol, rather than ignore it.

    Raises:
        ValueError: naming the option, or that there is more than one RUN.
    """
    given = {
        "more than one RUN": len(arguments.runs) > 1,
        "--rouge-l": arguments.rouge_l,
        "--spice": arguments.spice,
        "--trec": arguments.trec,
        "--eccv": arguments.eccv,
    }
    for name, value in given.items():
        if value:
            raise ValueError(f"{name} needs --protocol: {', '.join(PROTOCOLS)}.")
