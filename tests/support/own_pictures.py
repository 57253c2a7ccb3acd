"""Pictures and captions as people have them, and the command that prepares them."""

import csv
import json

import numpy as np
from PIL import Image

from keras_teran.cli.main import main

IMAGES = 20


def picture(seed):
    """A photo's stand-in: smooth blobs of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(coarse).resize((48, 36), Image.Resampling.BICUBIC)


def write_photos(folder):
    """00.jpg, 01.jpg ... in a new folder."""
    folder.mkdir()
    for number in range(IMAGES):
        picture(number).save(folder / f"{number:02}.jpg", quality=95)
    return folder


def write_captions(path, rows, header=("image", "caption")):
    """A CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def two_captions():
    """Two rows an image."""
    return [
        (f"{n:02}.jpg", f"{text} {n}")
        for n in range(IMAGES)
        for text in ("a photo, number", "picture")
    ]


def prepare(photos, captions, out, *options):
    """Runs `keras-teran data prepare`: its exit status."""
    given = [photos, "--captions", captions, "--out", out, *options]
    return main(["data", "prepare", *map(str, given)])


def splits_of(out):
    """File name to split, of all images."""
    content = json.loads((out / f"dataset_{out.name}.json").read_text())
    return {image["filename"]: image["split"] for image in content["images"]}
