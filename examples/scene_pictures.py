"""Write the embedded scenes as PNG files, for a page that shows them.

python examples/scene_pictures.py runs/scenes
keras-teran serve INDEX --pictures runs/scenes
"""

import argparse
from pathlib import Path

from PIL import Image

from keras_teran.data.embedded import IMAGES, embedded


def main():
    """Draws and writes the splits that are asked for."""
    args = parse_arguments()
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for split in args.split:
        drawn = embedded(split, images=args.images, progress=True)
        names = drawn.captions.filenames
        for filename, picture in zip(names, drawn.pictures, strict=True):
            Image.fromarray(picture).save(folder / filename)
        print(f"{len(drawn.pictures)} pictures of {split} in {folder}")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", metavar="FOLDER", help="folder to write")
    parser.add_argument(
        "--split", nargs="+", choices=list(IMAGES), default=["test"], help="(test)"
    )
    parser.add_argument(
        "--images", type=int, help="how many of each split, as the index was told (all)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
