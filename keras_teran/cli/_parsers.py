"""What the commands' parsers share."""


def add_command(commands, name, function, help_text):
    """Adds a command; returns its parser.

    Args:
        commands: subparsers of `argparse`.
        name: str.
        function: of the parsed arguments, does the work.
        help_text: str.
    """
    command = commands.add_parser(name, help=help_text, description=help_text)
    command.set_defaults(command=function)
    return command


def add_run(command):
    """Adds RUN."""
    command.add_argument("run", metavar="RUN", help="folder that training wrote")


def add_split(command, default="test"):
    """Adds `--split`."""
    command.add_argument(
        "--split", default=default, help="train, val or test (%(default)s)"
    )
