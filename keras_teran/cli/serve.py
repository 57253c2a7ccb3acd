"""`keras-teran serve`: the search page on this machine."""

import signal
import socket
import sys

from keras_teran.cli._parsers import add_command
from keras_teran.web import Limits

# Seconds that answers under way have when the service is stopped.
_GRACE = 5
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add(commands):
    """Adds `serve` to the subparsers of `keras-teran`."""
    help_text = "a page to search an index with, and its service"
    command = add_command(commands, "serve", run, help_text)
    command.add_argument("index", metavar="INDEX", help="that `index` wrote")
    command.add_argument("--run", metavar="RUN", help="where the model lies now")
    command.add_argument(
        "--engine",
        metavar="URL",
        help="of the index's server; the key in QDRANT_API_KEY goes nowhere without it",
    )
    command.add_argument(
        "--pictures", metavar="FOLDER", help="of the image files (none are shown)"
    )
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (%(default)s); there is no login",
    )
    command.add_argument("--port", type=int, default=8000, help="(%(default)s)")
    command.add_argument(
        "--timeout",
        type=float,
        default=Limits.timeout,
        metavar="SECONDS",
        help="until a search is given up (%(default)g)",
    )
    command.add_argument(
        "--workers",
        type=int,
        default=Limits.workers,
        metavar="N",
        help="searches at a time (%(default)s)",
    )


def run(arguments):
    """Serves until it is interrupted.

    Raises:
        ValueError: a port or bound that cannot be, or an index that cannot be opened.
        FileNotFoundError: no index, or no folder of pictures.
        ModuleNotFoundError: the extra `web` is not installed.
    """
    limits = Limits(timeout=arguments.timeout, workers=arguments.workers)
    try:
        import uvicorn

        from keras_teran.web import create_app
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"The page needs {error.name}: pip install 'keras-teran[web]'."
        ) from None
    from keras_teran.search import Index

    listening = listen(arguments.host, arguments.port)
    opened = Index.open(arguments.index, arguments.run, engine=arguments.engine)
    with listening, opened as index:
        app = create_app(
            index, arguments.pictures, limits, names_of(arguments.host, listening)
        )
        _warm(index)
        print(f"{address_of(listening)} serves {arguments.index}; Ctrl-C ends it.")
        if names_of(arguments.host, listening) is None:
            print(
                "keras-teran: there is no login; whoever reaches this address can "
                "search and see the pictures.",
                file=sys.stderr,
            )
        sys.stdout.flush()
        # Its own configuration of logging would take down that of the process.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        server = uvicorn.Server(config)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            _keep_ignoring(server, signal.SIGINT)
        server.run(sockets=[listening])


def _keep_ignoring(server, number):
    """What `nohup` or a shell's background job ignores stays ignored."""
    handle = server.handle_exit
    server.handle_exit = lambda got, frame: got == number or handle(got, frame)


def listen(host, port):
    """A socket that listens on an address.

    Raises:
        ValueError: naming the option that is wrong.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"--port {port}: give 0 (any free one) to 65535.")
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
    except socket.gaierror as error:
        raise ValueError(
            f"--host {host}: no such address ({error.strerror})."
        ) from None
    listening = socket.socket(family, kind)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ValueError(
            f"--host {host} --port {port}: {error.strerror}; choose another port, or "
            "0 for any free one."
        ) from None
    return listening


def names_of(host, listening):
    """The Host names to answer to: this machine's on loopback, else any (None)."""
    address = listening.getsockname()[0]
    loopback = address == "::1" or address.startswith("127.")
    return {host, *LOOPBACK, "[::1]"} if loopback else None


def address_of(listening):
    """`http://127.0.0.1:8000`"""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _warm(index):
    """Loads the model before the first visitor waits for it."""
    index.matcher.encode(["a"])
