"""What a training is told, as YAML; unknown keys are refused."""

import dataclasses
import typing
from pathlib import Path

import yaml

from keras_teran.presets import PRESETS, RECIPES, check_recipe


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        preset: str, a key of `PRESETS`; its recipe applies.
        data: "embedded", a folder, or a dict of files; see `data.splits.open_split`.
        caption_backbone: a KerasHub preset, a Hugging Face BERT folder, or None to
            train the caption encoder from scratch on a vocabulary of its own.
        image_backbone: a KerasHub preset of a backbone of pictures, whose patches are
            the regions (`build_model`); `data` is then a mapping of `captions` and
            `images`, the folder of the pictures. None: `data` has regions.
        image_size: int, height and width that the backbone takes; None: its own.
        image_trainable: bool, train the backbone too.
        model: dict of arguments of `Teran` in place of the preset's.
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
        ValueError: naming an unknown preset or recipe value.
    """

    preset: str = "tiny"
    data: typing.Any = "embedded"
    caption_backbone: str | None = None
    image_backbone: str | None = None
    image_size: int | None = None
    image_trainable: bool = False
    model: dict = dataclasses.field(default_factory=dict)
    recipe: dict = dataclasses.field(default_factory=dict)
    max_length: int = 64
    bucket_batches: int = 1
    encode_chunk: int | None = None
    distillation: float | None = None
    patience: int | None = None
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self):
        """Checks what can be checked without Keras."""
        if self.preset not in PRESETS:
            raise ValueError(
                f"preset={self.preset!r} is unknown; choose one of {', '.join(PRESETS)}."
            )
        if self.distillation is not None and not self.distillation > 0:
            raise ValueError(
                f"distillation={self.distillation} must be above 0, or null for none."
            )
        pictures = isinstance(self.data, dict) and "images" in self.data
        if pictures != (self.image_backbone is not None):
            raise ValueError(
                f"image_backbone={self.image_backbone!r} and data={self.data!r} do not "
                "go together: a backbone, and it alone, takes captions and images."
            )
        refuse_unknown("recipe", self.recipe, RECIPES[self.preset])
        check_recipe(self.full_recipe)
        self._check_context()

    @property
    def full_recipe(self):
        """The preset's recipe with this configuration's changes: a dict."""
        return {**RECIPES[self.preset], **self.recipe}

    def as_dict(self):
        """Plain values, as YAML holds them, with the whole recipe."""
        return {**dataclasses.asdict(self), "recipe": self.full_recipe}

    def _check_context(self):
        model = {**PRESETS[self.preset], **self.model}
        dim = model.get("context_dim", 0)
        if dim and not self.full_recipe["pooled_loss"]:
            raise ValueError(
                f"context_dim={dim} gives vectors that no loss would train: set "
                "pooled_loss of recipe, such as 1.0."
            )
        if dim and (self.distillation or model.get("pooling_head")):
            raise ValueError(
                f"context_dim={dim} goes with neither distillation nor pooling_head: "
                "train without, then add a head by `keras-teran distill RUN`."
            )


def read_config(path):
    """A `TrainingConfig` of a YAML file.

    Args:
        path: of a file that holds a mapping of attributes of `TrainingConfig`.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is no YAML mapping, or a key is unknown.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: it should hold a configuration.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping such as `preset: tiny`.")
    names = [field.name for field in dataclasses.fields(TrainingConfig)]
    refuse_unknown(str(path), content, names)
    return TrainingConfig(**content)


def refuse_unknown(what, given, known):
    """Raises ValueError, naming them, for keys of `given` that `known` has not."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"{what} has unknown keys: {', '.join(map(str, unknown))}; it may have "
            f"{', '.join(sorted(known))}."
        )
