"""`keras-teran evaluate`."""

import functools

from keras_teran.cli._parsers import add_command
from keras_teran.cli.data_options import (
    add_data_options,
    named_phrases,
    open_for_run,
    open_source,
    open_store,
)
from keras_teran.evaluation import BOXES, PROTOCOLS, ZERO_RULES

# Of the best and of the worst, in the JSON file.
_CASES = 10


def add(commands):
    """Adds `evaluate` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "evaluate", run, "recall both ways, all images, all captions"
    )
    command.add_argument(
        "runs", metavar="RUN", nargs="+", help="folder that training wrote"
    )
    add_data_options(command, "what the run was trained on")
    command.add_argument(
        "--split", help="train, val or test (test; with --grounding, that of FILE)"
    )
    command.add_argument("--json", metavar="FILE", help="write the figures there too")
    command.add_argument(
        "--seed", type=int, default=0, help="of intervals and tests (%(default)s)"
    )
    _add_grounding_options(command)
    _add_protocol_options(command)


def run(arguments):
    """`keras-teran evaluate`."""
    from keras_teran import _io

    _io.whole("--seed", arguments.seed)
    if arguments.json:
        _io.check_output(arguments.json)
    if arguments.grounding is not None:
        measure = _grounding
    else:
        arguments.split = arguments.split or "test"
        measure = _evaluate_protocol if arguments.protocol else _recall
    result, text = measure(arguments)
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


def _grounding(arguments):
    """Whether phrases of one run point where people boxed them."""
    import keras_teran
    from keras_teran.evaluation import (
        evaluate_grounding,
        format_grounding,
        grounding_cases,
    )

    if arguments.protocol:
        raise ValueError("--grounding and --protocol exclude each other.")
    _refuse_protocol_options(arguments)
    source, (run,) = named_phrases(arguments), arguments.runs
    matcher = keras_teran.load(run)
    captions, regions = open_store(arguments, run)
    # Of a file, the split that is asked for is read; names of images are those of all.
    asked = arguments.captions if arguments.regions else captions
    found = evaluate_grounding(
        matcher.model,
        matcher.tokenizer,
        keras_teran.read_phrases(source, arguments.split, asked),
        regions,
        captions,
        boxes=arguments.boxes,
        seed=arguments.seed,
        progress=True,
    )
    cases = {
        name: [case.as_dict() for case in cases]
        for name, cases in grounding_cases(found, _CASES).items()
    }
    return {"grounding": found.figures, "cases": cases}, format_grounding(found.figures)


def _add_grounding_options(command):
    """Adds the group of options to an `argparse` parser."""
    group = command.add_argument_group(
        "the place",
        "Whether a phrase points where people boxed it, in place of recall. --regions may "
        "then stand without --captions.",
    )
    group.add_argument(
        "--grounding",
        metavar="FILE",
        help="phrases with boxes: our JSON, a folder of Flickr30k Entities, RefCOCO's refs "
        "as JSON, COCO's instances; or the word embedded",
    )
    group.add_argument(
        "--boxes",
        choices=BOXES,
        default=BOXES[0],
        help="of a phrase with several: one around all, or any of them (%(default)s)",
    )


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
