"""Search images with a sentence: encode the images once, then ask.

    python examples/search.py runs/quickstart "a red circle above a blue square"
    python examples/search.py RUN "two dogs" --split val --captions FILE --regions FOLDER

Without data options it searches the data of the run.
"""

import argparse

from data_options import add_data_options, open_data

import keras_teran


def main():
    """Rank the images of a set by one sentence."""
    args = parse_arguments()
    matcher = keras_teran.load(args.run)
    captions, regions, _ = open_data(args, matcher)
    images = keras_teran.encode_images(
        matcher.model, regions, captions.image_ids, progress=True
    )

    scores = keras_teran.score_captions(
        matcher.model, images, [args.sentence], matcher.tokenizer
    )
    best = (-scores[:, 0]).argsort(kind="stable")[: args.top]
    print(f"{'rank':>4} {'score':>8} {'image':>9}  its file and its first caption")
    for place, row in enumerate(best, 1):
        caption = captions.captions_of(row)[0]
        about = f"{captions.filenames[row]}  {caption}".strip()
        print(f"{place:4} {scores[row, 0]:8.3f} {captions.image_ids[row]:9}  {about}")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", metavar="RUN", help="folder that training wrote")
    parser.add_argument("sentence", help="what to look for, in quotes")
    parser.add_argument(
        "--top", type=int, default=10, help="images to list (%(default)s)"
    )
    add_data_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
