"""What the service is asked: the routes, and the index's answers as messages."""

from dataclasses import asdict, dataclass
from types import FunctionType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, PlainTextResponse

from keras_teran.search import read_image_file, read_where
from keras_teran.web import _messages as messages
from keras_teran.web._guard import UPLOAD, Refused
from keras_teran.web._limits import Limits
from keras_teran.web._metrics import Metrics
from keras_teran.web._picture_files import safe_picture
from keras_teran.web._workers import Workers

UPLOAD_TYPES = ("application/octet-stream", "application/x-npz", "application/zip")


@dataclass(frozen=True)
class Service:
    """What the routes work with; an application has it as `app.state.service`.

    Attributes:
        index: `keras_teran.search.Index`.
        pictures: the folder of the image files, or None.
        limits: `Limits`.
        metrics: `Metrics`.
        workers: `Workers`, in which the index is asked.
    """

    index: Any
    pictures: Any
    limits: Limits
    metrics: Metrics
    workers: Workers

    async def ask(self, function, *args, **kwargs):
        """What the index says; what it finds wrong with the question becomes 400."""
        try:
            return await self.workers.call(function, *args, **kwargs)
        except ValueError as error:
            raise Refused(400, str(error)) from None

    async def image(self, image_id):
        """An image of the index, or 404."""
        try:
            return await self.workers.call(self.index.get, image_id)
        except (ValueError, KeyError):
            message = f"There is no image {image_id} in this index."
            raise Refused(404, message) from None

    def check_words(self, text):
        """Refuses a sentence of no word, or of too many."""
        count, most = len(text.split()), self.limits.words
        if not count:
            raise Refused(400, "text: give at least one word.")
        if count > most:
            raise Refused(400, f"text: {count:,} words; at most {most:,} are read.")


async def _service(request: Request):
    return request.app.state.service


Here = Annotated[Service, Depends(_service)]
ImageId = Annotated[int, InPath(ge=0, le=messages.MOST_ID, description="Of an image.")]
Where = Annotated[
    list[str],
    Query(
        description="KEY=VALUE, a field that a sentence's payload must have; VALUE is "
        "JSON, a list for any of several, or else text. All of them must fit.",
        examples=[["image_id=1000003"]],
    ),
]


state = APIRouter(tags=["state"])


@state.get("/health")
async def health(service: Here) -> messages.Health:
    """Whether the index answers, and how many images it holds."""
    counts = await service.workers.call(lambda: service.index.counts)
    return messages.Health(status="ok", images=counts["images"])


@state.get("/metrics", response_class=PlainTextResponse)
async def metrics_text(service: Here) -> str:
    """Requests, errors and times, for Prometheus."""
    return service.metrics.text()


@state.get("/api/about")
async def about(service: Here) -> messages.About:
    """What there is to search, and how much may be asked."""
    index = service.index
    counts, pooling = await service.workers.call(
        lambda: (index.counts, index.matcher.model.pooling)
    )
    return messages.About(
        **{name: counts[name] for name in ("images", "captions")},
        pooling=pooling,
        weights=pooling == "MrSw",
        pictures=service.pictures is not None,
        limits=asdict(service.limits),
    )


def searches(limits):
    """The routes that ask the index, with the bounds of a service.

    Args:
        limits: `Limits`.

    Returns:
        `fastapi.APIRouter`, for an application whose `state.service` is a `Service`.
    """
    Search, Explain = messages.questions(limits)
    Top = Annotated[int, Query(ge=1, le=limits.top, description="Sentences wanted.")]
    body, image = _upload_body(limits), "/api/images/{image_id}"
    router = APIRouter(tags=["search"])
    router.post("/api/search")(_bounded(search, question=Search))
    router.post(f"{image}/words")(_bounded(explain, question=Explain))
    router.get(f"{image}/sentences")(_bounded(sentences, top=Top))
    router.post(UPLOAD, openapi_extra=body)(_bounded(sentences_of_upload, top=Top))
    router.get(
        f"{image}/picture",
        response_class=FileResponse,
        responses={200: {"content": {"image/*": {}}, "description": "The file."}},
    )(picture)
    return router


def _bounded(route, **kinds):
    """The same function whose arguments have the types that hold a service's bounds.

    FastAPI reads bounds from types, and two services may have other bounds.
    """
    own = FunctionType(route.__code__, route.__globals__, argdefs=route.__defaults__)
    own.__annotations__ = route.__annotations__ | kinds
    own.__doc__ = route.__doc__
    return own


async def search(question: messages.Strict, service: Here) -> messages.Images:
    """Images for a sentence, with the region that each word chose."""
    service.check_words(question.text)
    hits = await service.ask(
        service.index.search,
        question.text,
        top=question.top,
        exact=question.exact,
        word_weights=question.word_weights,
        where=question.where,
    )
    return messages.Images(hits=[_image(hit) for hit in hits], note=hits.note)


async def explain(
    image_id: ImageId, question: messages.Strict, service: Here
) -> messages.Words:
    """Which region of an image each word of a sentence chooses."""
    service.check_words(question.text)
    image = await service.image(image_id)
    words = await service.ask(service.index.explain, image_id, question.text)
    return messages.Words(boxes=_image(image).boxes, words=map(_word, words))


async def sentences(
    image_id: ImageId,
    service: Here,
    top: int = 10,
    exact: bool = False,
    where: Where = (),
) -> messages.Sentences:
    """Sentences for an image of the index."""
    image = await service.image(image_id)

    def ask():
        chosen = read_where(where)
        return service.index.search_captions(image_id, top, exact=exact, where=chosen)

    hits = await service.ask(ask)
    return messages.Sentences(
        image=_image(image), hits=map(_sentence, hits), note=hits.note
    )


async def sentences_of_upload(
    request: Request,
    service: Here,
    top: int = 10,
    exact: bool = False,
    where: Where = (),
) -> messages.UploadSentences:
    """Sentences for an image that is not in the index, given as its regions."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in UPLOAD_TYPES:
        # None of them, so that no other site can send one.
        raise Refused(415, f"Send the .npz file as {UPLOAD_TYPES[0]}.")
    body, limits = await request.body(), service.limits

    def ask():
        image = read_image_file(body, "The body", limits.upload_bytes, limits.regions)
        chosen = read_where(where)
        return service.index.search_captions(image, top, exact=exact, where=chosen)

    hits = await service.ask(ask)
    return messages.UploadSentences(hits=map(_sentence, hits), note=hits.note)


async def picture(image_id: ImageId, service: Here) -> FileResponse:
    """The picture of an image, where pictures are served."""
    if service.pictures is None:
        raise Refused(404, "No pictures are served: start with --pictures.")
    image = await service.image(image_id)
    filename = image.payload.get("filename")
    try:
        path, media_type = await service.workers.call(
            safe_picture, service.pictures, filename
        )
    except FileNotFoundError as error:
        raise Refused(404, str(error)) from None
    headers = {"cache-control": "private, max-age=3600"}
    return FileResponse(path, media_type=media_type, headers=headers)


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
