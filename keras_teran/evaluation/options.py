"""The options of `keras-teran evaluate` that choose a protocol and what goes with it."""

from keras_teran.evaluation.ndcg import ZERO_RULES
from keras_teran.evaluation.protocols import PROTOCOLS


def add_protocol_options(command):
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


def refuse_protocol_options(arguments):
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
