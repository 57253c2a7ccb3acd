"""A RUN: the folder that a training leaves behind."""

import json
import os
from pathlib import Path

import yaml

MODEL_FILE = "model.keras"
CONFIG_FILE = "config.yaml"
HISTORY_FILE = "history.json"
CARD_FILE = "card.md"


def save_run(folder, model, tokenizer, config, history):
    """Writes `model.keras`, the vocabulary, `config.yaml` and `history.json`.

    Args:
        folder: path, made if missing.
        model: `Teran`.
        tokenizer: `CaptionTokenizer`.
        config: dict of plain values, how the model was trained.
        history: dict of lists, a number an epoch.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / ("part." + MODEL_FILE)
    model.save(aside)
    os.replace(aside, folder / MODEL_FILE)
    tokenizer.save(folder)
    write_text(folder / CONFIG_FILE, yaml.safe_dump(config, sort_keys=False))
    write_text(folder / HISTORY_FILE, json.dumps(_plain(history), indent=1) + "\n")


def write_text(path, text):
    """Writes a file aside and renames it, so that a reader never sees half of one."""
    aside = Path(path).with_name("part." + Path(path).name)
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def _plain(history):
    return {name: [float(v) for v in values] for name, values in history.items()}
