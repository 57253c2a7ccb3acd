"""A RUN with pixels inside, trained by the command on pictures of one colour each."""

import json

import numpy as np
import yaml
from PIL import Image

from keras_teran.cli.main import main
from support.data_folder import SMALL, record

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0), "black": 0}
RECIPE = {"epochs": 1, "batch_size": 8, "drop_epochs": [], "warmup_steps": 0}


def write_pictures(root):
    """Sixteen pictures of 40 × 20 in the colour of their captions, half of them val."""
    records = []
    (root / "pictures").mkdir()
    for row in range(16):
        records.append(record("train" if row < 8 else "val", row))
        records[-1]["filename"] = f"{row:02}.png"
        colour = COLOURS[records[-1]["sentences"][0]["raw"].split()[1]]
        pixels = np.array(Image.new("RGB", (40, 20), colour), np.int64)
        # No two are the same, so that no scores tie.
        pixels += np.random.default_rng(row).integers(-60, 60, pixels.shape)
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(root / "pictures" / f"{row:02}.png")
    (root / "dataset.json").write_text(json.dumps({"images": records}))
    return {"captions": str(root / "dataset.json"), "images": str(root / "pictures")}


def train_run(folder, preset, data):
    """Trains from YAML; the path of the RUN."""
    told = {"data": data, "image_backbone": str(preset), "model": SMALL}
    (folder / "how.yaml").write_text(yaml.safe_dump({**told, "recipe": RECIPE}))
    config = ["--config", str(folder / "how.yaml")]
    assert main(["train", str(folder / "run"), *config]) == 0
    return folder / "run"
