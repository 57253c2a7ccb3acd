"""The search service: an `Index` as a FastAPI application."""

import logging
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from keras_teran.web import _messages as messages
from keras_teran.web._guard import Guard, Refused
from keras_teran.web._limits import Limits
from keras_teran.web._metrics import Metrics
from keras_teran.web._routes import Service, searches, state
from keras_teran.web._workers import Workers

STATIC = Path(__file__).parent / "static"
THEME = ("keras_teran.report", "static")  # the colors that the page has too
DESCRIPTION = """Images by a sentence, sentences by an image, and why.

Errors are JSON, `{"error": "..."}`: 400 for a question that cannot be answered, 404 for
what is not there, 408 and 413 for a slow or large body, 415 for an upload of another
kind, 503 when too many ask or the
index is away, 504 for a search that took too long."""

_LOG = logging.getLogger(__name__)
_ERRORS = {
    "4XX": {"model": messages.Error, "description": "The question is at fault."},
    "5XX": {"model": messages.Error, "description": "The service is."},
}


def create_app(index, pictures=None, limits=None, hosts=None):
    """Makes the application.

    Args:
        index: `keras_teran.search.Index`. It stays the caller's to close.
        pictures: the folder of the image files; None serves none.
        limits: `Limits`; None for the defaults.
        hosts: collection of str, names that the service goes by; None for any.

    Returns:
        `fastapi.FastAPI`, an ASGI application.

    Raises:
        FileNotFoundError: `pictures` is no folder.
    """
    if pictures is not None and not Path(pictures).is_dir():
        raise FileNotFoundError(f"There is no folder of pictures {pictures}.")
    limits = limits or Limits()
    service = Service(index, pictures, limits, Metrics(), Workers(limits))

    @asynccontextmanager
    async def lifespan(_):
        yield
        service.workers.close()

    app = FastAPI(
        title="keras_teran search",
        description=DESCRIPTION,
        version="1",
        lifespan=lifespan,
        # FastAPI's own pages of documentation load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # Without a JSON content type, which other sites cannot send, no question.
        strict_content_type=True,
        responses=_ERRORS,
    )
    app.state.service = service
    app.add_middleware(Guard, limits=limits, metrics=service.metrics, hosts=hosts)
    _add_errors(app)
    app.include_router(state)
    app.include_router(searches(limits))
    app.mount("/", StaticFiles(directory=STATIC, packages=[THEME], html=True))
    return app


def _add_errors(app):
    """Every error as JSON; what the index says of a question goes on, no more."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_, error):
        return _error(400, "; ".join(map(_fault, error.errors())))

    @app.exception_handler(Refused)
    async def refused(_, error):
        headers = {"retry-after": "1"} if error.status == 503 else None
        return _error(error.status, str(error), headers)

    @app.exception_handler(HTTPException)
    async def of_the_framework(_, error):
        return _error(error.status_code, error.detail, error.headers)

    @app.exception_handler(ConnectionError)
    @app.exception_handler(TimeoutError)
    async def engine_away(_, error):
        _LOG.error("the engine does not answer: %s", error)
        return _error(503, "The index does not answer.", {"retry-after": "5"})


def _fault(fault):
    """`top: Input should be ...`; the input itself is not repeated."""
    where = ".".join(str(part) for part in fault["loc"][1:])
    return f"{where}: {fault['msg']}" if where else fault["msg"]


def _error(status, message, headers=None):
    # Half of a surrogate pair, which a question may hold, has no UTF-8.
    message = str(message).encode("utf-8", "replace").decode("utf-8")
    return JSONResponse({"error": message}, status, headers)
