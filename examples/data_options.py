"""The options that name data, shared by the examples here: those of the command."""

import functools

from keras_teran.cli import data_options as options


def add_data_options(parser):
    """Add --split, and the command's options of data, to an argument parser."""
    parser.add_argument(
        "--split", default="test", help="train, val or test (%(default)s)"
    )
    options.add_data_options(parser, "what the run was trained on")


def open_data(args, matcher):
    """Open what the options name, or else the data of the run.

    Returns:
        `(captions, regions, drawn)`: a `CaptionSet`, a `RegionStore`, and the
        `EmbeddedSet` they come from, or None for data from files.
    """
    try:
        return options.open_data(
            args,
            matcher.config.get("data"),
            matcher.model.config,
            args.run,
            functools.partial(options.open_source, check=False),
        )
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
