"""`keras-teran convert`."""

from keras_teran.cli._parsers import add_command


def add(commands):
    """Adds `convert` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "convert", run, "a checkpoint of the authors' code to a RUN"
    )
    command.add_argument("checkpoint", metavar="CHECKPOINT", help="their .pth file")
    command.add_argument("out", metavar="OUT", help="RUN folder to write")
    command.add_argument(
        "--vocab",
        metavar="FILE",
        help="of the BERT it was trained from (vocab.txt beside the checkpoint)",
    )
    command.add_argument(
        "--caption-heads",
        type=int,
        metavar="N",
        help="of that BERT (12 at width 768, 4 at any other)",
    )


def run(arguments):
    """`keras-teran convert`."""
    from keras_teran.conversion import convert as convert_to_run

    model = convert_to_run(
        arguments.checkpoint, arguments.out, arguments.vocab, arguments.caption_heads
    )
    print(
        f"{arguments.out}: {model.count_params():,} weights, pooling {model.pooling}, "
        f"BERT with {model.config['caption_heads']} heads"
    )
