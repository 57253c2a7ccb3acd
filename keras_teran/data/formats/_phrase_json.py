"""Our JSON of phrases: relative boxes, one merged box or several for each phrase."""

import typing

from pydantic import BaseModel, ConfigDict, Field, model_validator

from keras_teran import _io
from keras_teran.data._phrases import phrase_at

_Box = typing.Annotated[list[float], Field(min_length=4, max_length=4)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    filename: str = Field(min_length=1)
    caption: str
    start: int
    end: int
    phrase: str
    box: _Box | None = None
    boxes: typing.Annotated[list[_Box], Field(min_length=1)] | None = None
    type: str | None = None
    imgid: int | None = None
    cocoid: int | None = None
    sentid: int | None = None

    @model_validator(mode="after")
    def _one_kind_of_boxes(self):
        if (self.box is None) == (self.boxes is None):
            raise ValueError(
                "give either box, the merged one, or boxes, a list of them"
            )
        return self


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    split: str | None = None
    phrases: typing.Annotated[list[_Record], Field(min_length=1)]


def read_phrase_json(path, content, split=None):
    """Reads our JSON: an object of `phrases` and maybe `split`, the split of all.

    A phrase has `filename`, `caption`, `start`, `end`, `phrase` and `box` or `boxes`; it
    may have `imgid` or `cocoid`, `sentid` and `type`. `phrase` is the caption from
    `start` to `end`, in any case.

    Args:
        path: of the file, for errors.
        content: what the file holds.
        split: str, the split that is wanted; None for that of the file.

    Returns:
        list of `Phrase`.

    Raises:
        ValueError: for another key, kind or range, another split, or a phrase that the
            span does not hold.
    """
    file = _io.check(content, _File, path)
    if split is not None and file.split not in (None, split):
        raise ValueError(
            f"{path} holds phrases of the split {_io.shown(file.split)}, not of "
            f"{_io.shown(split)}; give --split {file.split}."
        )
    return [
        _phrase(f"{path}: phrases.{number}", record)
        for number, record in enumerate(file.phrases)
    ]


def _phrase(place, record):
    boxes = record.boxes or [record.box]
    found = phrase_at(
        place,
        image=record.filename,
        caption=record.caption,
        start=record.start,
        end=record.end,
        boxes=tuple(map(tuple, boxes)),
        type=record.type,
        image_id=record.imgid if record.cocoid is None else record.cocoid,
        id_is_position=record.cocoid is None,
    )
    if found.phrase.casefold() != record.phrase.casefold():
        raise ValueError(
            f"{place}: the phrase is {_io.shown(record.phrase)}, and {record.start}.."
            f"{record.end} of the caption is {_io.shown(found.phrase)}; correct the span."
        )
    return found
