"""The `keras-teran` command: one module a subcommand, each with `add` and `run`."""

# Nothing slow at the top: until `main` runs, a signal ends Python in its own way.
import sys

from keras_teran.cli import _ending as ending

# Commands that, killed and given again, do not begin anew.
_RESUMING = ("train", "index", "pack", "regions")


def main(argv=None):
    """Runs the command; what a user did wrong is one line on standard error.

    Args:
        argv: list of str, the arguments; None for those of the process, which the
            command then owns: a signal ends it.

    Returns:
        int: 0; 2 for any error, told in one line; 130 when interrupted, 143 when
            terminated.
    """
    debug, given = ending.take_debug(sys.argv[1:] if argv is None else [*argv])
    end = ending.Ending("keras-teran", debug, own=argv is None)

    def run():
        arguments = _parser().parse_args(given)
        _refuse_empty(arguments)
        if arguments.subcommand in _RESUMING:
            end.hint = "the same command goes on."
        arguments.command(arguments)

    return end.run(run)


def _refuse_empty(arguments):
    """Refuses empty texts, which would name the folder that the command stands in."""
    for name, value in vars(arguments).items():
        if "" in (value if isinstance(value, list) else [value]):
            raise ValueError(
                f"{name.replace('_', '-')} is an empty text; give one, or leave it out."
            )


def _parser():
    import argparse

    from keras_teran._io import one_line

    class OneLine(argparse.ArgumentParser):
        def error(self, message):
            message = f"{one_line(message)}; `{self.prog} --help` shows what is taken."
            self.exit(ending.REFUSED, f"keras-teran: {message}\n")

        def print_help(self, file=None):
            # The original passes over a full disk and a reader that has gone.
            (file or sys.stdout).write(self.format_help())

    parser = OneLine(
        prog="keras-teran",
        description="Image–sentence matching by word–region alignment (TERAN).",
        epilog=ending.EXIT_STATUS,
    )
    # `main` takes it out of the arguments, wherever it stands.
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="subcommand"
    )
    for command in _commands():
        command.add(commands)
    return parser


def _commands():
    """The modules of the commands, in the order of `--help`."""
    from keras_teran.cli import (
        align,
        convert,
        distill,
        evaluate,
        export,
        index,
        pack,
        prepare,
        probe,
        regions,
        search,
        serve,
        train,
        verify,
    )

    return (
        *(train, evaluate, probe, export, verify, align, pack, prepare),
        *(convert, index, search, serve, distill, regions),
    )


if __name__ == "__main__":
    sys.exit(main())
