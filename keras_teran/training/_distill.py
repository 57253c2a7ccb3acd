"""A RUN with a pooling head, from a RUN without."""

import shutil
import time
from pathlib import Path

import keras
import numpy as np

from keras_teran import _io
from keras_teran.data import DataSource, check_width
from keras_teran.evaluation import survival
from keras_teran.pipeline import load
from keras_teran.run import (
    CARD_FILE,
    HISTORY_FILE,
    MODEL_FILE,
    save_model,
    write_config,
)
from keras_teran.similarity import all_pairs
from keras_teran.training._distill_head import (
    compiled_trainer,
    pooled_vectors,
    rebuilt,
    train_epoch,
)
from keras_teran.training._encoded_pairs import EncodedPairs

FIRST_STAGE_FILE = "first_stage.json"
_CACHE = "part.encoded"
_CANDIDATES = 100


def distill(
    run,
    out,
    data=None,
    epochs=10,
    batch_size=256,
    learning_rate=1e-3,
    matching=0.0,
    seed=0,
    progress=True,
):
    """Adds a pooling head to the model of a RUN and trains it on the model's own scores.

    The set is encoded once, in half precision, to disk; then the head alone trains. The
    encoders' weights, and so the alignment's scores, stay as they were. A head that the
    model has already starts anew. A call that was killed is to be given again: nothing
    that looks like a model was left.

    Args:
        run: path of a RUN.
        out: path of the RUN to write, new or empty; `first_stage.json` there holds the figures of
            each epoch, beside the history of the RUN that it came from.
        data: what `DataSource.of` takes, of train and val; None for what the run names.
        epochs: int, times that each caption is met.
        batch_size: int, pairs that are ranked against each other.
        learning_rate: float, at the start; it falls to 0.
        matching: float, weight of the matching loss, see `Distillation`.
        seed: int, of the head's weights and of the order.
        progress: bool, show bars.

    Returns:
        Dict of lists, a number an epoch: `loss`, and `val_image_to_text_survival`
        and `val_text_to_image_survival`: the share of the exhaustive top 10 of val that
        is among the first 100.

    Raises:
        FileExistsError: when `out` holds something already.
        FileNotFoundError: when `run` is no RUN, or data are missing.
        ValueError: when `out` can be no folder, or a number is out of range.
    """
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "matching": matching,
        "seed": seed,
    }
    _check(settings)
    run, out = Path(run), _io.check_folder(out, empty=True)
    started = time.monotonic()
    matcher = load(run)
    source = data or matcher.config.get("data")
    if source is None:
        raise ValueError("The run names no data; give some (on the command, --data).")
    source = DataSource.of(source)
    splits = {s: source.open(s, progress)[:2] for s in ("train", "val")}
    for _, regions in splits.values():
        check_width(regions, matcher.model.config["region_dim"], run)
    keras.utils.set_random_seed(seed)
    base = rebuilt(matcher.model, pooling_head=False)
    model = rebuilt(base, pooling_head=True)
    try:
        encoded = {
            split: EncodedPairs(
                base, *sets, matcher.tokenizer, out / _CACHE / split, progress
            )
            for split, sets in splits.items()
        }
        exact = _exhaustive(base, encoded["val"])
        history = _fit(model, encoded, exact, settings, progress)
    finally:
        shutil.rmtree(out / _CACHE, ignore_errors=True)
    _write(run, out, matcher, model, settings, history, time.monotonic() - started)
    return history


def _fit(model, encoded, exact, settings, progress):
    """Trains the head: the history, a dict of lists."""
    epochs, size = settings["epochs"], settings["batch_size"]
    steps = epochs * -(-len(encoded["train"]) // size)
    trainer = compiled_trainer(
        model, settings["learning_rate"], steps, settings["matching"]
    )
    history = {}
    for epoch in range(epochs):
        order = np.random.default_rng([settings["seed"], epoch])
        loss = train_epoch(trainer, encoded["train"], size, order, progress)
        figures = {"loss": loss, **_survivals(model, encoded["val"], exact)}
        for name, value in figures.items():
            history.setdefault(name, []).append(value)
        if progress:
            print(f"epoch {epoch + 1}/{epochs}: {_as_text(figures)}")
    return history


def _exhaustive(model, pairs):
    images, _ = pairs.images(np.arange(len(pairs.image_ids)))
    captions, _ = pairs.captions(np.arange(len(pairs)))
    return all_pairs(images, captions, model.pooling, model.padding)


def _survivals(model, pairs, exact):
    images, captions = pooled_vectors(model, pairs)
    cosines = images @ captions.T
    return {
        "val_image_to_text_survival": survival(cosines, exact, _CANDIDATES),
        "val_text_to_image_survival": survival(cosines.T, exact.T, _CANDIDATES),
    }


def _write(run, out, matcher, model, settings, history, seconds):
    """The model comes last: beside its card it makes the RUN finished."""
    matcher.tokenizer.save(out)
    config = dict(matcher.config)
    config["model"] = {**(config.get("model") or {}), "pooling_head": True}
    write_config(out, config)
    if (run / HISTORY_FILE).is_file():
        shutil.copyfile(run / HISTORY_FILE, out / HISTORY_FILE)
    found = {"settings": settings, "history": history}
    _io.write_json(out / FIRST_STAGE_FILE, found)
    card = run / CARD_FILE
    before = card.read_text("utf-8") if card.is_file() else "# Model card\n"
    last = {name: values[-1] for name, values in history.items()}
    section = [
        "## First stage",
        "",
        "The pooled vectors come from a head that was distilled from the scores "
        "(ALADIN, arXiv 2207.14757); nothing else changed. Survival: the share of the "
        f"exhaustive top 10 of val among the first {_CANDIDATES}.",
        "",
        f"{seconds / 60:.1f} minutes with {_as_text(settings)}.",
        "",
        "| figure | value |",
        "| --- | --- |",
        *(f"| {name} | {value:.4f} |" for name, value in last.items()),
        "",
    ]
    _io.write_text(out / CARD_FILE, before.rstrip() + "\n\n" + "\n".join(section))
    save_model(model, out / MODEL_FILE, include_optimizer=False)


def _as_text(figures):
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _check(settings):
    """Raises ValueError for a number of another kind or range, by its name."""
    _io.whole("epochs", settings["epochs"], least=1, most=10**6)
    _io.whole("batch_size", settings["batch_size"], least=2, most=2**20)
    _io.number("learning_rate", settings["learning_rate"], above=0)
    _io.number("matching", settings["matching"], least=0)
    _io.whole("seed", settings["seed"], most=2**32 - 1)
