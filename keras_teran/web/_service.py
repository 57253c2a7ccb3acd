"""The search service: an `Index` as a FastAPI application."""

import logging
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from keras_teran.search import read_image_file, read_where
from keras_teran.web import _messages as messages
from keras_teran.web._guard import UPLOAD, Guard, Refused
from keras_teran.web._limits import Limits
from keras_teran.web._metrics import Metrics
from keras_teran.web._picture_files import safe_picture
from keras_teran.web._workers import Workers

STATIC = Path(__file__).parent / "static"
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
ImageId = Annotated[int, InPath(ge=0, le=messages.MOST_ID, description="Of an image.")]
Where = Annotated[
    list[str],
    Query(
        description="KEY=VALUE, a field that a sentence's payload must have; VALUE is "
        "JSON, a list for any of several, or else text. All of them must fit.",
        examples=[["image_id=1000003"]],
    ),
]
UPLOAD_TYPES = ("application/octet-stream", "application/x-npz", "application/zip")


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
    metrics, workers = Metrics(), Workers(limits)

    @asynccontextmanager
    async def lifespan(_):
        yield
        workers.close()

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
    app.add_middleware(Guard, limits=limits, metrics=metrics, hosts=hosts)
    _add_errors(app)
    _add_state(app, index, pictures, limits, metrics, workers)
    _add_searches(app, index, limits, workers)
    _add_sentences(app, index, limits, workers)
    _add_pictures(app, index, pictures, workers)
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def _add_state(app, index, pictures, limits, metrics, workers):
    @app.get("/health", tags=["state"])
    async def health() -> messages.Health:
        """Whether the index answers, and how many images it holds."""
        counts = await workers.call(lambda: index.counts)
        return messages.Health(status="ok", images=counts["images"])

    @app.get("/metrics", tags=["state"], response_class=PlainTextResponse)
    async def metrics_text() -> str:
        """Requests, errors and times, for Prometheus."""
        return metrics.text()

    @app.get("/api/about", tags=["state"])
    async def about() -> messages.About:
        """What there is to search, and how much may be asked."""

        def ask():
            return index.counts, index.matcher.model.pooling

        counts, pooling = await workers.call(ask)
        return messages.About(
            **{name: counts[name] for name in ("images", "captions")},
            pooling=pooling,
            weights=pooling == "MrSw",
            pictures=pictures is not None,
            limits=asdict(limits),
        )


def _add_searches(app, index, limits, workers):
    SearchQuestion, ExplainQuestion = messages.questions(limits)

    @app.post("/api/search", tags=["search"])
    async def search(question: SearchQuestion) -> messages.Images:
        """Images for a sentence, with the region that each word chose."""
        _check_words(question.text, limits)
        hits = await _ask(
            workers,
            index.search,
            question.text,
            top=question.top,
            exact=question.exact,
            word_weights=question.word_weights,
            where=question.where,
        )
        return messages.Images(hits=[_image(hit) for hit in hits], note=hits.note)

    @app.post("/api/images/{image_id}/words", tags=["search"])
    async def explain(image_id: ImageId, question: ExplainQuestion) -> messages.Words:
        """Which region of an image each word of a sentence chooses."""
        _check_words(question.text, limits)
        image = await _get(index, image_id, workers)
        words = await _ask(workers, index.explain, image_id, question.text)
        return messages.Words(boxes=_image(image).boxes, words=map(_word, words))


def _add_sentences(app, index, limits, workers):
    Top = Annotated[int, Query(ge=1, le=limits.top, description="Sentences wanted.")]

    @app.get("/api/images/{image_id}/sentences", tags=["search"])
    async def sentences(
        image_id: ImageId, top: Top = 10, exact: bool = False, where: Where = ()
    ) -> messages.Sentences:
        """Sentences for an image of the index."""
        image = await _get(index, image_id, workers)

        def ask():
            chosen = read_where(where)
            return index.search_captions(image_id, top, exact=exact, where=chosen)

        hits = await _ask(workers, ask)
        return messages.Sentences(
            image=_image(image), hits=map(_sentence, hits), note=hits.note
        )

    @app.post(UPLOAD, tags=["search"], openapi_extra=_upload_body(limits))
    async def sentences_of_upload(
        request: Request, top: Top = 10, exact: bool = False, where: Where = ()
    ) -> messages.UploadSentences:
        """Sentences for an image that is not in the index, given as its regions."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in UPLOAD_TYPES:
            # None of them, so that no other site can send one.
            raise Refused(415, f"Send the .npz file as {UPLOAD_TYPES[0]}.")
        body = await request.body()

        def ask():
            image = read_image_file(
                body, "The body", limits.upload_bytes, limits.regions
            )
            chosen = read_where(where)
            return index.search_captions(image, top, exact=exact, where=chosen)

        hits = await _ask(workers, ask)
        return messages.UploadSentences(hits=map(_sentence, hits), note=hits.note)


def _upload_body(limits):
    """What OpenAPI says of the body, which FastAPI does not read itself."""
    told = (
        "A .npz file, plain or compressed, of float arrays: `regions` (n, features), "
        f"n at most {limits.regions}, the features that the model was trained on; "
        "`boxes` (n, 4), x0 y0 x1 y1 relative to width and height, 0 to 1; and maybe "
        f"`region_mask`, bool (n,). At most {limits.upload_bytes:,} bytes, as sent and "
        "unpacked; NaN and objects are refused, nothing is unpickled."
    )
    content = {"schema": {"type": "string", "format": "binary"}}
    content = {kind: content for kind in UPLOAD_TYPES}
    return {"requestBody": {"required": True, "description": told, "content": content}}


def _add_pictures(app, index, pictures, workers):
    @app.get(
        "/api/images/{image_id}/picture",
        tags=["search"],
        response_class=FileResponse,
        responses={200: {"content": {"image/*": {}}, "description": "The file."}},
    )
    async def picture(image_id: ImageId) -> FileResponse:
        """The picture of an image, where pictures are served."""
        if pictures is None:
            raise Refused(404, "No pictures are served: start with --pictures.")
        image = await _get(index, image_id, workers)
        filename = image.payload.get("filename")
        try:
            path, media_type = await workers.call(safe_picture, pictures, filename)
        except FileNotFoundError as error:
            raise Refused(404, str(error)) from None
        headers = {"cache-control": "private, max-age=3600"}
        return FileResponse(path, media_type=media_type, headers=headers)


async def _ask(workers, function, *args, **kwargs):
    """What the index says; what it finds wrong with the question goes back as 400."""
    try:
        return await workers.call(function, *args, **kwargs)
    except ValueError as error:
        raise Refused(400, str(error)) from None


async def _get(index, image_id, workers):
    try:
        return await workers.call(index.get, image_id)
    except (ValueError, KeyError):
        message = f"There is no image {image_id} in this index."
        raise Refused(404, message) from None


def _check_words(text, limits):
    count = len(text.split())
    if not count:
        raise Refused(400, "text: give at least one word.")
    if count > limits.words:
        raise Refused(400, f"text: {count:,} words; at most {limits.words:,} are read.")


def _image(hit):
    return messages.FoundImage(
        id=hit.id,
        score=hit.score,
        payload=hit.payload,
        boxes=[[float(value) for value in box] for box in hit.boxes],
        words=[_word(word) for word in hit.words],
    )


def _word(word):
    return messages.FoundWord(
        text=word.text,
        span=word.span,
        region=word.region,
        cosine=word.cosine,
        weight=word.weight,
    )


def _sentence(hit):
    return messages.FoundSentence(
        id=hit.id,
        score=hit.score,
        caption=str(hit.payload.get("caption", "")),
        payload=hit.payload,
    )


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
