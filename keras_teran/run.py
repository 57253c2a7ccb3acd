"""A RUN: the folder that a training leaves behind.

`config.yaml` says how it was trained, `model.keras` is the model of the best epoch,
`vocab.txt` and `tokenizer.json` are its tokeniser, `history.json` the numbers of each
epoch, `card.md` all that for people. `last.keras` stands there only while a training
is unfinished.
"""

import json
import os
import platform
from importlib import metadata
from pathlib import Path

import yaml

from keras_teran._io import read_keras_config

MODEL_FILE = "model.keras"
LAST_FILE = "last.keras"
CONFIG_FILE = "config.yaml"
HISTORY_FILE = "history.json"
CARD_FILE = "card.md"
_PACKAGES = ("keras", "keras-hub", "tensorflow", "jax", "torch", "numpy", "tokenizers")


def write_config(folder, config):
    """Writes a dict as `config.yaml`."""
    write_text(Path(folder) / CONFIG_FILE, yaml.safe_dump(config, sort_keys=False))


def read_run_config(folder):
    """The dict of a RUN's `config.yaml`.

    Raises:
        FileNotFoundError: when the folder is no RUN.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not a RUN: it has no {CONFIG_FILE}. Give a folder that "
            "`keras-teran train` wrote."
        )
    return yaml.safe_load(path.read_text(encoding="utf-8"))


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
        FileNotFoundError: when the folder is no RUN, or has no model yet.
        ValueError: when the model's file is damaged.
    """
    read_run_config(folder)
    config = read_keras_config(model_path(folder), "Teran", "keras_teran")
    return config.get("image_backbone")


def write_history(folder, history):
    """Writes a dict of lists, a number an epoch, as `history.json`."""
    plain = {name: [float(v) for v in values] for name, values in history.items()}
    write_text(Path(folder) / HISTORY_FILE, json.dumps(plain, indent=1) + "\n")


def read_history(folder):
    """The dict of lists of a RUN's `history.json`; empty where there is none."""
    path = Path(folder) / HISTORY_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def save_model(model, path, include_optimizer):
    """Saves a model aside and renames it."""
    path = Path(path)
    aside = path.with_name("part." + path.name)
    model.save(aside, include_optimizer=include_optimizer)
    os.replace(aside, path)


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
        yaml.safe_dump(config, sort_keys=False).rstrip(),
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
    write_text(Path(folder) / CARD_FILE, "\n".join(lines))


def versions():
    """Dict of the versions of Python and of what is installed of our dependencies."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_text(path, text):
    """Writes a file aside and renames it, so that a reader never sees half of one."""
    path = Path(path)
    aside = path.with_name("part." + path.name)
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def _best_epoch(history):
    rsums = history["val_rsum"]
    return rsums.index(max(rsums))
