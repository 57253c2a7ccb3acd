"""Recall of a trained run on held-out images, both ways.

    python examples/evaluate.py runs/quickstart
    python examples/evaluate.py RUN --split val --captions FILE --regions FOLDER

Without data options it takes the data of the run. On the embedded set the truth about
each noun is known and grounding is measured too.
"""

import argparse

from data_options import add_data_options, open_data

import keras_teran


def main():
    """Evaluate a run and print the table."""
    args = parse_arguments()
    matcher = keras_teran.load(args.run)
    model, tokenizer = matcher.model, matcher.tokenizer
    captions, regions, drawn = open_data(args, matcher)
    if args.first:
        captions = captions.first_captions(args.first)

    table, _ = keras_teran.evaluate_retrieval(
        model, captions, regions, tokenizer, progress=True
    )
    images = len(captions.image_ids)
    print(f"{args.split}: {images} images, {len(captions)} captions")
    print(keras_teran.format_recall_table(table))
    if drawn is not None:
        found = keras_teran.grounding_accuracy(model, tokenizer, drawn)
        print(
            f"grounding     {100 * found['accuracy']:7.1f} % of {found['nouns']} nouns, "
            f"by chance {100 * found['chance']:.1f} %"
        )


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", metavar="RUN", help="folder that training wrote")
    parser.add_argument(
        "--first",
        type=int,
        metavar="N",
        help="use the first N captions of an image (all); published COCO results use 5",
    )
    add_data_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
