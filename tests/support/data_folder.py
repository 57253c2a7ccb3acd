"""A small data folder as `open_split` takes it, and a configuration to train on it."""

import json

import numpy as np

from keras_teran.training._config import TrainingConfig
from support.region_files import write_packed

COLOURS = ("red", "blue", "green", "black")
SHAPES = ("ring", "star", "cross")
SMALL = {
    "embedding_dim": 16,
    "feedforward_dim": 32,
    "caption_dim": 16,
    "caption_layers": 1,
    "caption_feedforward_dim": 32,
    "dropout": 0.1,
}


def write_data_folder(folder, images=12, dim=8):
    """Writes train/ and val/, packed regions and two captions an image."""
    for seed, split in enumerate(("train", "val")):
        write_packed(folder / split, images, regions=4, dim=dim, seed=seed)
        records = [record(split, row) for row in range(images)]
        (folder / split / f"dataset_{split}.json").write_text(
            json.dumps({"images": records})
        )
    return folder


def record(split, row):
    colour, shape = COLOURS[row % 4], SHAPES[row % 3]
    texts = [f"a {colour} {shape}", f"there is one {shape} and it is {colour}"]
    sentences = [{"raw": t, "sentid": 2 * row + k} for k, t in enumerate(texts)]
    return {
        "imgid": row,
        "split": split,
        "filename": f"{row}.jpg",
        "sentences": sentences,
    }


def small_config(folder, **changes):
    recipe = {"epochs": 3, "batch_size": 8, "drop_epochs": [2], "warmup_steps": 2}
    recipe.update(changes.pop("recipe", {}))
    return TrainingConfig(data=str(folder), model=SMALL, recipe=recipe, **changes)


def weights_of(model):
    return np.concatenate([np.ravel(w) for w in model.get_weights()])
