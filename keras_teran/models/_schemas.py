"""The kinds and ranges of everything that a training may be told.

`Architecture` describes the arguments of `Teran`, `Recipe` those of `recipe`. The widest
values lie far beyond what anyone trains; they stop a slip of a finger from taking all
memory. Pydantic applies them strictly: True is no number and 2.0 no whole one.
"""

import itertools
import re
import typing
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)

from keras_teran import _io

# A BERT of the largest size has 0.3e9 weights; these would take 4 GB.
MOST_WEIGHTS = 10**9
MOST_SEED = 2**32 - 1  # NumPy's

_YAML_FLOAT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+\Z")


def _no_yaml_float(value):
    """Names the cause where YAML read a number as a text."""
    if isinstance(value, str) and _YAML_FLOAT.match(value):
        raise ValueError(
            f"{value!r} must be a number. YAML takes 1e-3 for text: write 0.001 or "
            "1.0e-3"
        )
    return value


def _rule(name):
    """A check by `similarity`, which is imported when it is needed."""

    def check(value):
        from keras_teran.similarity import check_rules

        check_rules(**{"pooling": "MrSw", "padding": "exclude", name: value})
        return value

    return AfterValidator(check)


def _rising(epochs):
    if any(after <= before for before, after in itertools.pairwise(epochs)):
        raise ValueError(f"{_io.shown(epochs)} must rise, such as [2, 4]")
    return epochs


def _not_tiny(value):
    """Refuses numbers that are 0 in float32, or once they are squared there."""
    if value < 1e-15:
        raise ValueError(f"{value} must be 1e-15 or more")
    return value


def _no_nul(text):
    if "\0" in text:
        raise ValueError(f"{_io.shown(text)} holds a NUL character")
    return text


# A name, an address or a path.
Text = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_no_nul)]
Number = Annotated[float, BeforeValidator(_no_yaml_float)]
Positive = Annotated[Number, Field(gt=0, le=1e9), AfterValidator(_not_tiny)]
FromZero = Annotated[Number, Field(ge=0, le=1e9)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Layers = Annotated[int, Field(ge=0, le=256)]
Heads = Annotated[int, Field(ge=1, le=1024)]
Count = Annotated[int, Field(ge=1, le=10**6)]
Steps = Annotated[int, Field(ge=0, le=10**9)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]
VocabularySize = Annotated[int, Field(ge=4, le=2**22)]
Positions = Annotated[int, Field(ge=3, le=2**16)]
ImageSize = Annotated[int, Field(ge=1, le=4096)]
Pooling = Annotated[str, _rule("pooling")]
Padding = Annotated[str, _rule("padding")]
DropEpochs = Annotated[list[Count], Field(max_length=1000), AfterValidator(_rising)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Recipe(_Strict):
    """The values of a recipe; see `presets`."""

    learning_rate: Positive
    gradient_norm: Positive | None
    epochs: Count
    schedule: Literal["steps", "cosine"]
    drop_epochs: DropEpochs
    drop_factor: Annotated[Positive, Field(le=1)]
    backbone_rate: Positive
    loss: Literal["hinge", "contrastive"]
    margin: Positive
    negatives: Literal["hardest", "sum"]
    temperature: Positive
    pooled_loss: FromZero
    pooled_temperature: Positive
    captions_per_image: Annotated[int, Field(ge=1, le=1000)]
    batch_size: Annotated[int, Field(ge=1, le=2**16)]
    warmup_steps: Steps

    @model_validator(mode="after")
    def _whole_groups(self):
        if self.batch_size % self.captions_per_image:
            raise ValueError(
                f"captions_per_image={self.captions_per_image} must divide "
                f"batch_size={self.batch_size}, which counts captions"
            )
        return self


class Choices(_Strict):
    """What `model` of a training's configuration may say of the arguments of `Teran`.

    The others come from elsewhere: `region_dim` from the features, `dtype` from the key
    of that name.
    """

    embedding_dim: Width
    image_layers: Layers
    final_layers: Layers
    heads: Heads
    feedforward_dim: Width
    dropout: Share
    vocabulary_size: VocabularySize
    caption_dim: Width
    caption_layers: Layers
    caption_heads: Heads
    caption_feedforward_dim: Width
    caption_max_length: Positions
    shared_final_layers: bool = False
    pooling: Pooling = "MrSw"
    padding: Padding = "exclude"
    drop_last_word: bool = False
    pooling_head: bool = False
    context_dim: Annotated[int, Field(ge=0, le=2**16)] = 0
    context_words: Positive = 15.0
    context_dropout: Share = 0.0

    @model_validator(mode="after")
    def _together(self):
        own = self.embedding_dim - self.context_dim
        if own < 1:
            raise ValueError(
                f"context_dim={self.context_dim} must be 0 or more and below "
                f"embedding_dim={self.embedding_dim}, of which it is a part"
            )
        _check_heads("heads", self.heads, own, self.final_layers)
        _check_heads(
            "caption_heads", self.caption_heads, self.caption_dim, self.caption_layers
        )
        if (count := self._weights()) > MOST_WEIGHTS:
            raise ValueError(
                f"a model of some {count:,} weights, over {MOST_WEIGHTS:,}, is not "
                "built; give smaller widths, fewer layers or a smaller vocabulary"
            )
        return self

    def _weights(self):
        """About how many weights there are, but for the layers of `region_dim`."""
        width, caption = self.embedding_dim, self.caption_dim
        return (
            2 * self.final_layers * _block(width, self.feedforward_dim)
            + self.caption_layers * _block(caption, self.caption_feedforward_dim)
            + (self.vocabulary_size + self.caption_max_length + width) * caption
        )


class Architecture(Choices):
    """The arguments of `Teran`, and what they have to be together."""

    region_dim: Width
    image_backbone: dict[str, typing.Any] | None = None
    vocabulary_sha256: typing.Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$")
    ] = None

    @model_validator(mode="after")
    def _regions(self):
        _check_heads("heads", self.heads, self.region_dim, self.image_layers)
        return self

    def _weights(self):
        regions = self.region_dim
        return (
            super()._weights()
            + self.image_layers * _block(regions, self.feedforward_dim)
            + regions * self.embedding_dim
        )


def checked_arguments(given):
    """Refuses arguments of `Teran` before anything is built of them.

    Args:
        given: dict of all of them, and maybe others.

    Returns:
        Dict of its arguments, NumPy's numbers as Python's.

    Raises:
        ValueError: of one line that names the argument.
    """
    own = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in given.items()
        if name in Architecture.model_fields
    }
    _io.check(own, Architecture, "Teran")
    return own


def check_recipe(recipe):
    """Refuses a recipe with a value of another kind or range.

    Args:
        recipe: dict, one of `RECIPES` or like it.

    Raises:
        ValueError: of one line that names the value.
    """
    _io.check(recipe, Recipe, "recipe")


def check_pictures(backbone, size, trainable):
    """Raises ValueError for no backbone, and for what is said of one that is None."""
    if not isinstance(backbone, str | Path | None):
        raise ValueError(
            f"image_backbone={_io.shown(backbone)} must be a KerasHub preset: its name, "
            "address or folder."
        )
    for name, value in (("image_size", size), ("image_trainable", trainable)):
        if backbone is None and value not in (None, False):
            raise ValueError(
                f"{name}={_io.shown(value)} needs an image_backbone; leave it out."
            )


def partial_schema(model):
    """A schema that takes any of a model's fields, and none of the others.

    Args:
        model: subclass of `BaseModel`.

    Returns:
        A type that `_io.check` takes; `given` has what it was given.
    """
    fields = {
        name: (Annotated[(field.annotation, *field.metadata)], None)
        if field.metadata
        else (field.annotation, None)
        for name, field in model.model_fields.items()
    }
    schema = create_model(model.__name__, __config__=model.model_config, **fields)
    return Annotated[schema, BeforeValidator(known_keys(model.model_fields))]


def given_fields(part):
    """The values that an instance of a `partial_schema` schema was given: a dict."""
    return part.model_dump(exclude_unset=True)


def known_keys(known):
    """A function that returns a mapping, or raises ValueError for other keys and kinds."""

    def check(value):
        if not isinstance(value, dict):
            raise ValueError(f"{_io.shown(value)} must be a mapping")
        if unknown := set(value) - set(known):
            names = ", ".join(sorted(map(str, unknown)))
            raise ValueError(
                f"unknown keys: {_io.one_line(names, 80)}; it may have "
                f"{', '.join(sorted(known))}"
            )
        return value

    return check


def _check_heads(name, heads, width, layers):
    if layers and width % heads:
        raise ValueError(f"{name}={heads} does not divide the width {width}")


def _block(width, feedforward):
    """Weights of a transformer layer."""
    return 4 * width**2 + 2 * width * feedforward
