"""Write the embedded scenes as PNG files, for a page that shows them.

python examples/scene_pictures.py runs/scenes
keras-teran serve INDEX --pictures runs/scenes

With --captions they are a folder of pictures and a CSV, as `keras-teran data prepare`
takes them, see walkthrough.sh.
"""

import argparse
import csv
from pathlib import Path

from PIL import Image

import keras_teran

SPLITS = ("train", "val", "test")


def main():
    """Draws and writes the splits that are asked for."""
    args = parse_arguments()
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for split in args.split:
        drawn = keras_teran.embedded_scenes(split, images=args.images, progress=True)
        names = drawn.captions.filenames
        for filename, picture in zip(names, drawn.pictures, strict=True):
            Image.fromarray(picture).save(folder / filename)
        print(f"{len(drawn.pictures)} pictures of {split} in {folder}")
        for text, image in zip(
            drawn.captions.captions, drawn.captions.caption_to_image, strict=True
        ):
            rows.append((names[image], text))
    if args.captions:
        with open(args.captions, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("image", "caption"), *rows])


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", metavar="FOLDER", help="folder to write")
    parser.add_argument(
        "--split", nargs="+", choices=SPLITS, default=["test"], help="(test)"
    )
    parser.add_argument(
        "--images", type=int, help="how many of each split, as the index was told (all)"
    )
    parser.add_argument("--captions", metavar="CSV", help="write their captions there")
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
