"""`keras-teran verify`."""

from keras_teran.cli._parsers import add_command, add_split
from keras_teran.cli.data_options import add_data_options, open_data


def add(commands):
    """Adds `verify` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "verify", run, "recall and cost of every exported file"
    )
    _add_verify_options(command)
    add_data_options(command, "what --run was trained on")
    add_split(command, "val")


def _add_verify_options(command):
    """Adds the options of `verify`, but for the data, to a parser."""
    command.add_argument(
        "exported", metavar="DIR", help="folder that `keras-teran export` wrote"
    )
    command.add_argument(
        "--run",
        metavar="RUN",
        help="that was exported: compare with Keras (the float32 files, which export "
        "held to Keras)",
    )
    command.add_argument(
        "--most-lost",
        type=float,
        default=1.0,
        metavar="POINTS",
        help="of rsum that a good file may lose (%(default)s)",
    )
    command.add_argument(
        "--no-cost", action="store_true", help="leave out latency and memory"
    )


def run(arguments):
    """`keras-teran verify`."""
    from keras_teran.export import (
        format_verification,
        read_manifest,
        refuse_losses,
        verify_export,
    )
    from keras_teran.run import read_run_config

    data = read_run_config(arguments.run).get("data") if arguments.run else None
    config = read_manifest(arguments.exported)["config"]
    captions, regions, _ = open_data(arguments, data, config, arguments.exported)
    found = verify_export(
        arguments.exported,
        captions,
        regions,
        arguments.run,
        arguments.most_lost,
        not arguments.no_cost,
    )
    print(format_verification(found))
    refuse_losses(found)
