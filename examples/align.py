"""Draw which region each word of a caption chose, on the image where there is one.

    python examples/align.py runs/quickstart --out words.png
    python examples/align.py RUN --captions FILE --regions FOLDER --image-id 391895 \\
        --pictures IMAGES --caption "a man on a bike" --out words.png

Without data options it takes the data of the run; the embedded set brings its own
pictures.
"""

import argparse

from data_options import add_data_options, open_data

import keras_teran


def main():
    """Explain one image and one caption, and write the picture."""
    args = parse_arguments()
    matcher = keras_teran.load(args.run)
    captions, regions, drawn = open_data(args, matcher)
    row = captions.row_of(args.image_id)
    caption = args.caption or captions.captions_of(row)[0]
    picture = None
    if args.pictures:
        picture = keras_teran.picture_path(args.pictures, captions.filenames[row])
    elif drawn is not None:
        picture = drawn.pictures[row]

    found = matcher.explain(regions.read(captions.image_ids[[row]]), caption)
    keras_teran.draw_alignment(found, picture, args.out)
    print(f"image {captions.image_ids[row]}, {found.pooling} score {found.score:.3f}")
    for column, (word, region) in enumerate(
        zip(found.words, found.chosen, strict=True)
    ):
        cosine = found.cosines[region, column]
        print(f"{word:>16}  region {region:3}  cosine {cosine:6.3f}")
    print(f"drawn to {args.out}")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", metavar="RUN", help="folder that training wrote")
    parser.add_argument("--image-id", type=int, help="which image (the first)")
    parser.add_argument("--caption", help="a sentence (the image's first caption)")
    parser.add_argument("--out", default="align.png", help="PNG to write (%(default)s)")
    parser.add_argument(
        "--pictures",
        metavar="FOLDER",
        help="folder of the image files (else a blank canvas with the boxes)",
    )
    add_data_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
