"""What the service is asked and what it answers, as its OpenAPI document tells it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

MOST_ID = 2**63 - 1
_VALUES = [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]
_MANY = [{"type": "array", "items": kind, "minItems": 1} for kind in _VALUES]
# What is wrong with one the index itself says, in a sentence.
Where = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": {"anyOf": [*_VALUES, *_MANY]},
                },
                {"type": "null"},
            ]
        }
    ),
]


class Strict(BaseModel):
    """A question: a misspelt name and a value of another kind are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def questions(limits):
    """The bodies of the two questions that a sentence is part of.

    Args:
        limits: `Limits`.

    Returns:
        `(SearchQuestion, ExplainQuestion)`, classes of pydantic.
    """
    sentence = Field(
        min_length=1,
        max_length=limits.text_length,
        description=f"A sentence of at most {limits.words} words.",
        examples=["two dogs in the snow"],
    )
    Weight = Annotated[float, Field(ge=0, le=limits.weight, allow_inf_nan=False)]

    class SearchQuestion(Strict):
        """A sentence that images are wanted for."""

        text: str = sentence
        top: int = Field(10, ge=1, le=limits.top, description="Images wanted.")
        exact: bool = Field(False, description="Score every image, however slow.")
        word_weights: list[Weight] | None = Field(
            None,
            max_length=limits.words,
            description="One weight a word, in the order of `words` of a result; 1 "
            "where none are given. Of models with pooling MrSw only.",
        )
        where: Where = Field(
            None,
            description="Fields that an image's payload must have: a value, or a list "
            "of values of which any will do. All fields must fit.",
            examples=[{"filename": "val_0003.png"}],
        )

    class ExplainQuestion(Strict):
        """A sentence whose words are to be found in one image."""

        text: str = sentence

    return SearchQuestion, ExplainQuestion


class FoundWord(BaseModel):
    """Which region a word chose."""

    text: str
    span: tuple[int, int] = Field(description="First character and the one after.")
    region: int = Field(description="Row of the image's boxes.")
    cosine: float = Field(description="Strength of the match, -1 to 1.")
    weight: float = Field(description="What it counted.")


class FoundImage(BaseModel):
    """One image found by a sentence."""

    id: int
    score: float
    payload: dict = Field(description="File name, captions and the like, not vouched.")
    boxes: list[list[float]] = Field(description="x0 y0 x1 y1, relative, 0 to 1.")
    words: list[FoundWord]


class FoundSentence(BaseModel):
    """One sentence found by an image."""

    id: int
    score: float
    caption: str
    payload: dict


NOTE = Field("", description="Why there are no hits, where there are none.")


class Images(BaseModel):
    """Images, best first."""

    hits: list[FoundImage]
    note: str = NOTE


class Sentences(BaseModel):
    """An image and its sentences, best first."""

    image: FoundImage
    hits: list[FoundSentence]
    note: str = NOTE


class UploadSentences(BaseModel):
    """Sentences of an uploaded image, best first."""

    hits: list[FoundSentence]
    note: str = NOTE


class Words(BaseModel):
    """The words of a sentence in one image."""

    boxes: list[list[float]]
    words: list[FoundWord]


class About(BaseModel):
    """What there is to search, and how much may be asked."""

    images: int
    captions: int
    pooling: str
    weights: bool = Field(description="Whether words can be weighted.")
    pictures: bool = Field(description="Whether pictures are served.")
    limits: dict[str, int | float]


class Health(BaseModel):
    """Whether the index answers."""

    status: str
    images: int


class Error(BaseModel):
    """Why there is no answer."""

    error: str
