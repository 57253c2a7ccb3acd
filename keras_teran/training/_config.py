"""What a training is told, as YAML; `models/_schemas.py` has the kinds and ranges."""

import dataclasses
import functools
import re
import typing
from pathlib import Path

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)

from keras_teran import _io
from keras_teran.data import DataSource, check_groups
from keras_teran.models import (
    PRESETS,
    RECIPES,
    Choices,
    Count,
    ImageSize,
    Positions,
    Positive,
    Recipe,
    Seed,
    Text,
    check_pictures,
    check_recipe,
    given_fields,
    known_keys,
    partial_schema,
)

_PRESET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def _preset(name):
    if name not in PRESETS:
        raise ValueError(
            f"preset={name!r} is unknown; choose one of {', '.join(PRESETS)}"
        )
    return name


def _backbone(source):
    """Refuses what is neither a folder, an address nor the name of a preset."""
    if Path(source).is_dir():
        if not (Path(source) / "config.json").is_file():
            raise ValueError(f"the folder {_io.shown(source)} holds no config.json")
    elif not (_PRESET_NAME.match(source) or "://" in source):
        raise ValueError(
            f"{_io.shown(source)} is neither a folder that is there nor the name of a "
            "KerasHub preset"
        )
    return source


_Preset = typing.Annotated[str, AfterValidator(_preset)]
_Backbone = typing.Annotated[Text, AfterValidator(_backbone)]
_Source = typing.Annotated[typing.Any, AfterValidator(DataSource.of)]


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        preset: str, a key of `PRESETS`; its recipe applies.
        data: "embedded", a folder, or a dict of files; see `DataSource.of`.
        grounding: phrases with boxes of val, as `read_phrases` takes them: each epoch logs
            `val_pointing`. None for none. Nothing is trained on them.
        caption_backbone: a KerasHub preset, a Hugging Face BERT folder, or None to
            train the caption encoder from scratch on a vocabulary of its own.
        image_backbone: a KerasHub preset of a backbone of pictures, whose patches are
            the regions (`build_model`); `data` is then a mapping of `captions` and
            `images`, the folder of the pictures. None: `data` has regions.
        image_size: int, height and width that the backbone takes; None: its own.
        image_trainable: bool, train the backbone too.
        model: dict of arguments of `Teran` in place of the preset's, but for
            `region_dim`, which the features decide, and `dtype`.
        recipe: dict of values in place of the recipe's, such as `epochs: 2`; what there
            is stands in `presets`.
        max_length: int, the most tokens of a caption; longer ones are cut.
        bucket_batches: int, batches sorted by caption length together; 1 for none.
            Batches of like lengths train faster, but no negative of a pair is then
            much longer or shorter, as it is in retrieval.
        encode_chunk: int, images or captions encoded at a time, for batches beyond
            memory (see `Teran.encode_chunk`); None for the whole batch.
        distillation: float, weight of the loss by which the scores teach the pooled
            vectors while all trains (`losses.Distillation`); None for none. A head for
            them is `pooling_head: true` of `model`. Neither goes with a context.
        patience: int, epochs without a better val rsum before stopping; None: never.
        dtype: "float32" or "mixed_bfloat16".
        seed: int, of weights, order and dropout.

    Raises:
        ValueError: of one line that names the attribute, for a value of another kind or
            range, and for values that do not go together.
    """

    preset: _Preset = "tiny"
    data: _Source = "embedded"
    grounding: Text | None = None
    caption_backbone: _Backbone | None = None
    image_backbone: _Backbone | None = None
    image_size: ImageSize | None = None
    image_trainable: bool = False
    model: partial_schema(Choices) = dataclasses.field(default_factory=dict)
    recipe: partial_schema(Recipe) = dataclasses.field(default_factory=dict)
    max_length: Positions = 64
    bucket_batches: Count = 1
    encode_chunk: Count | None = None
    distillation: Positive | None = None
    patience: Count | None = None
    dtype: typing.Literal["float32", "mixed_bfloat16"] = "float32"
    seed: Seed = 0

    def __post_init__(self):
        """Checks what can be checked without Keras."""
        _io.check(vars(self), _schema(), "configuration")

    @property
    def full_recipe(self):
        """The preset's recipe with this configuration's changes: a dict."""
        return {**RECIPES[self.preset], **self.recipe}

    def as_dict(self):
        """Plain values, as YAML holds them, with the whole recipe."""
        data = DataSource.of(self.data).plain()
        return {**dataclasses.asdict(self), "data": data, "recipe": self.full_recipe}


def read_config(path):
    """A `TrainingConfig` of a YAML file.

    Args:
        path: of a file that holds a mapping of attributes of `TrainingConfig`.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: of one line that names the file and the key.
    """
    missing = f"{path} is missing: it should hold a configuration."
    content = _io.read_yaml(path, missing=missing)
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping such as `preset: tiny`.")
    _io.check(content, _schema(), path)
    return TrainingConfig(**content)


@functools.cache
def _schema():
    """The attributes of `TrainingConfig` as Pydantic takes them."""
    fields = dataclasses.fields(TrainingConfig)
    return create_model(
        "TrainingConfig",
        __config__=ConfigDict(
            strict=True, extra="forbid", allow_inf_nan=False, validate_default=True
        ),
        __validators__={
            "known": model_validator(mode="before")(
                known_keys([field.name for field in fields])
            ),
            "together": model_validator(mode="after")(_together),
        },
        **{field.name: (field.type, _default(field)) for field in fields},
    )


def _default(field):
    if field.default_factory is dataclasses.MISSING:
        return field.default
    return Field(default_factory=field.default_factory)


def _together(config):
    """Raises ValueError for values that do not go together."""
    recipe = {**RECIPES[config.preset], **given_fields(config.recipe)}
    model = {**PRESETS[config.preset], **given_fields(config.model)}
    del model["region_dim"]  # The features decide it.
    model.pop("pooling")  # A look at it loads Keras; `partial` had that of `model`.
    check_recipe(recipe)
    _io.check(model, Choices, "model")
    check_groups(
        recipe["batch_size"], recipe["captions_per_image"], config.bucket_batches
    )
    _check_pictures(config)
    _check_lengths(config, model)
    _check_context(config, model, recipe)
    return config


def _check_pictures(config):
    pictures = config.data.images is not None
    if pictures != (config.image_backbone is not None):
        raise ValueError(
            f"image_backbone={config.image_backbone!r} and data="
            f"{_io.shown(config.data.plain())} do not go together: a backbone, and it alone, "
            "takes captions and images"
        )
    check_pictures(config.image_backbone, config.image_size, config.image_trainable)


def _check_lengths(config, model):
    positions = model["caption_max_length"]
    if config.caption_backbone is None and positions < config.max_length:
        raise ValueError(
            f"caption_max_length={positions} of model is below max_length="
            f"{config.max_length}, the most tokens of a caption; lower max_length or "
            "raise it"
        )


def _check_context(config, model, recipe):
    dim = model.get("context_dim", 0)
    if dim and not recipe["pooled_loss"]:
        raise ValueError(
            f"context_dim={dim} gives vectors that no loss would train: set "
            "pooled_loss of recipe, such as 1.0"
        )
    if dim and (config.distillation or model.get("pooling_head")):
        raise ValueError(
            f"context_dim={dim} goes with neither distillation nor pooling_head: "
            "train without, then add a head by `keras-teran distill RUN`"
        )
