"""`keras-teran distill`."""

from keras_teran.cli._parsers import add_command, add_run
from keras_teran.cli.data_options import add_data_options, source_of_run


def add(commands):
    """Adds `distill` to the subparsers of `keras-teran`."""
    text = "train the pooled vectors of a trained model: the first stage of a search"
    command = add_command(commands, "distill", run, text)
    add_run(command)
    command.add_argument(
        "--out", metavar="RUN2", required=True, help="folder to write, a RUN as well"
    )
    add_data_options(command, "what the run was trained on")
    for name, default, help_text in (
        ("--epochs", 10, "times that each caption is met"),
        ("--batch-size", 256, "pairs ranked against each other"),
        ("--learning-rate", 1e-3, "at the start; falls to 0"),
        ("--matching", 0.0, "weight of the matching loss on the pooled cosines"),
        ("--seed", 0, "of the head's weights and of the order"),
    ):
        command.add_argument(
            name, type=type(default), default=default, help=f"{help_text} (%(default)s)"
        )


def run(arguments):
    """`keras-teran distill`."""
    from keras_teran.training import distill

    history = distill(
        arguments.run,
        arguments.out,
        source_of_run(arguments, arguments.run),
        arguments.epochs,
        arguments.batch_size,
        arguments.learning_rate,
        arguments.matching,
        arguments.seed,
    )
    kept = " and ".join(
        f"{100 * history[f'val_{way}_survival'][-1]:.1f} % ({way.replace('_', ' ')})"
        for way in ("image_to_text", "text_to_image")
    )
    print(
        f"{arguments.out}: of the exhaustive top 10 of val, 100 candidates hold {kept}"
    )
