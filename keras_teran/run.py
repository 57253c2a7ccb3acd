"""A RUN: the folder that a training leaves behind.

`config.yaml` says how it was trained, `model.keras` is the model of the best epoch,
`vocab.txt` and `tokenizer.json` are its tokeniser, `history.json` the numbers of each
epoch, `card.md` all that for people. `last.keras` is what a training resumes from.

A RUN is finished when it holds both `card.md` and `model.keras`, and not before: a
training writes the card after its last epoch, and a new training removes an old card
first. `last.keras` is removed after the card is there, so a kill at any moment leaves a
RUN that is finished or that the same command goes on with.
"""

import math
import os
import platform
import typing
from importlib import metadata
from pathlib import Path

from pydantic import AfterValidator, BaseModel, ConfigDict, FiniteFloat

from keras_teran import _io

MODEL_FILE = "model.keras"
LAST_FILE = "last.keras"
CONFIG_FILE = "config.yaml"
HISTORY_FILE = "history.json"
CARD_FILE = "card.md"
_PACKAGES = ("keras", "keras-hub", "tensorflow", "jax", "torch", "numpy", "tokenizers")


def _is_source(value):
    if not isinstance(value, str | dict | None):
        raise ValueError(
            f"{_io.shown(value)} is no data; it must be a word, a folder or a mapping of "
            "files"
        )
    return value


def _is_plain(values):
    """Recipes of other versions have keys of their own: numbers, texts and lists."""
    for name, value in (values or {}).items():
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float | None) for item in items):
            raise ValueError(f"{name} is {_io.shown(value)}, which no recipe holds")
    return values


class _RunConfig(BaseModel):
    """The keys of `config.yaml` that are read, by kind; other versions have others."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    preset: str
    data: typing.Annotated[typing.Any, AfterValidator(_is_source)] = None
    caption_backbone: str | None = None
    image_backbone: str | None = None
    model: dict[str, typing.Any] | None = None
    recipe: typing.Annotated[
        dict[str, typing.Any] | None, AfterValidator(_is_plain)
    ] = None
    max_length: int | None = None
    patience: int | None = None
    dtype: str | None = None
    seed: int | None = None


def write_config(folder, config):
    """Writes a dict as `config.yaml`."""
    _io.write_text(Path(folder) / CONFIG_FILE, _io.yaml_text(config))


def read_run_config(folder):
    """The dict of a RUN's `config.yaml`.

    Raises:
        FileNotFoundError: when the folder is no RUN.
        ValueError: of one line that names the file, when it is no such YAML.
    """
    path = Path(folder) / CONFIG_FILE
    missing = (
        f"{folder} is not a RUN: it has no {CONFIG_FILE}. Give a folder that "
        "`keras-teran train` wrote."
    )
    content = _io.read_yaml(path, missing=missing)
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold a mapping such as `preset: tiny`; it holds "
            f"{_io.shown(content)}."
        )
    _io.check(content, _RunConfig, path)
    return content


def is_finished(folder):
    """Whether a RUN is whole: its card stands beside its model."""
    return all((Path(folder) / name).is_file() for name in (CARD_FILE, MODEL_FILE))


def unfinished(folder, config):
    """What there is to say of a RUN whose training goes on or was killed.

    Args:
        folder: path of the RUN.
        config: its `read_run_config`.

    Returns:
        str, a line; None where the RUN is finished or no training began it.
    """
    begun = any((Path(folder) / name).is_file() for name in (HISTORY_FILE, LAST_FILE))
    if is_finished(folder) or not begun:
        return None
    wanted = (config.get("recipe") or {}).get("epochs", "an unknown number")
    return f"{folder} is unfinished: epoch {epochs_of(folder)} of {wanted}."


def model_path(folder):
    """The path of a RUN's `model.keras`.

    Raises:
        FileNotFoundError: when it has none yet.
    """
    path = Path(folder) / MODEL_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: the training ended before its first epoch did; go on "
            "with `keras-teran train`."
        )
    return path


def read_image_backbone(folder):
    """What the model of a RUN makes of pictures, told without loading it.

    Returns:
        The model's `config["image_backbone"]`: a dict, or None where it takes regions.

    Raises:
        As `read_architecture`.
    """
    return read_architecture(folder).get("image_backbone")


def read_architecture(folder):
    """The `config` of the model of a RUN, told without loading it.

    Returns:
        Dict.

    Raises:
        FileNotFoundError: when the folder is no RUN, or has no model yet.
        ValueError: when the model's file is damaged.
    """
    read_run_config(folder)
    return _io.read_keras_config(model_path(folder), "Teran", "keras_teran")


def write_history(folder, history):
    """Writes a dict of lists, a number an epoch, as `history.json`.

    Raises:
        ValueError: for a number that is not finite: the training diverged.
    """
    plain = {name: [float(v) for v in values] for name, values in history.items()}
    for name, values in plain.items():
        if not all(map(math.isfinite, values)):
            raise ValueError(
                f"{name} is {values[-1]} after epoch {len(values)}: the training "
                "diverged. Lower learning_rate of recipe."
            )
    _io.write_json(Path(folder) / HISTORY_FILE, plain)


def read_history(folder):
    """The dict of lists of a RUN's `history.json`; empty where there is none.

    Raises:
        ValueError: of one line, when it holds anything but lists of finite numbers of
            one length.
    """
    path = Path(folder) / HISTORY_FILE
    if not path.exists():
        return {}
    history = _io.read_json(path, dict[str, list[FiniteFloat]])
    if len({len(values) for values in history.values()}) > 1:
        lengths = {name: len(values) for name, values in history.items()}
        raise ValueError(f"{path}: the lists differ in length: {_io.shown(lengths)}.")
    return history


def epochs_of(folder):
    """How many epochs the `history.json` of a RUN tells of."""
    return max(map(len, read_history(folder).values()), default=0)


def save_model(model, path, include_optimizer):
    """Saves a model aside and renames it."""
    with _io.whole_file(path) as aside:
        model.save(aside, include_optimizer=include_optimizer)


def write_card(folder, config, history):
    """Writes `card.md`: configuration, seed, versions and figures.

    Args:
        folder: path of the RUN.
        config: dict, as in `config.yaml`.
        history: dict of lists, as in `history.json`.
    """
    best = _best_epoch(history)
    figures = {
        name: values[best]
        for name, values in history.items()
        if name.startswith("val_")
    }
    lines = [
        "# Model card",
        "",
        "Image–sentence matching by word–region alignment (TERAN, arXiv 2008.05231), "
        f"trained by keras_teran {metadata.version('keras_teran')}.",
        "",
        "## Trained as",
        "",
        "```yaml",
        _io.yaml_text(config).rstrip(),
        "```",
        "",
        f"{len(history['loss'])} epochs in {sum(history['seconds']) / 60:.1f} minutes on "
        f"{platform.machine()}, {os.cpu_count()} cores.",
        "",
        f"## Figures on val, epoch {best + 1}, the best by rsum",
        "",
        "Recalls are fractions, ranks count from 0; all images against all captions.",
        "",
        "| figure | value |",
        "| --- | --- |",
        *(f"| {name} | {value:.4f} |" for name, value in figures.items()),
        "",
        "## Versions",
        "",
        *(f"- {name} {version}" for name, version in versions().items()),
        "",
    ]
    _io.write_text(Path(folder) / CARD_FILE, "\n".join(lines))


def versions():
    """Dict of the versions of Python and of what is installed of our dependencies."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _best_epoch(history):
    rsums = history["val_rsum"]
    return rsums.index(max(rsums))
