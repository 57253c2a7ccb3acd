"""Train a model in plain Keras: build_model, compile, model.fit.

On the embedded scenes, nothing to download:

    python examples/train.py runs/tiny

On your own data with a pretrained BERT for the captions (README, "Real data"):

    python examples/train.py runs/small --preset small --data "$DATA" \\
        --caption-backbone "$MINILM" --dtype mixed_bfloat16

`keras-teran train` does the same, from a YAML file if you like, and resumes.
"""

import argparse

import keras

import keras_teran
from keras_teran.config import TrainingConfig
from keras_teran.data.batches import PairBatches
from keras_teran.data.splits import open_split
from keras_teran.ending import run_script
from keras_teran.evaluation.callback import RetrievalEvaluation
from keras_teran.recipe import batch_settings, optimizer, pooled_loss, ranking_loss
from keras_teran.training import RunKeeper, begin_run, finish_run, tokenizer_for


def main():
    """Trains as the preset's recipe says and evaluates after each epoch."""
    args = parse_arguments()
    config = TrainingConfig(
        preset=args.preset,
        data=args.data,
        caption_backbone=args.caption_backbone,
        dtype=args.dtype,
        recipe={"epochs": args.epochs} if args.epochs else {},
        seed=args.seed,
    )
    recipe = config.full_recipe
    keras.utils.set_random_seed(config.seed)

    captions, regions, _ = open_split(config.data, "train", progress=True)
    val_captions, val_regions, _ = open_split(config.data, "val", progress=True)
    tokenizer = tokenizer_for(config, captions)
    batches = PairBatches(
        captions, regions, tokenizer, **batch_settings(recipe), seed=config.seed
    )

    changes = {"region_dim": regions.region_dim}
    if config.caption_backbone is None:
        changes["vocabulary_size"] = len(tokenizer.vocabulary)
    model = keras_teran.build_model(
        config.preset,
        caption_backbone=config.caption_backbone,
        dtype=config.dtype,
        **changes,
    )
    model.compile(
        optimizer(recipe, len(batches)),
        loss=ranking_loss(recipe),
    )
    model.pooled_loss = pooled_loss(recipe)
    begin_run(args.run, config, tokenizer)
    keeper = RunKeeper(args.run)
    model.fit(
        batches,
        epochs=recipe["epochs"],
        shuffle=False,  # the batches shuffle themselves, by seed and epoch
        callbacks=[
            RetrievalEvaluation(val_captions, val_regions, tokenizer),
            keeper,
        ],
    )
    finish_run(args.run, config, keeper.history)


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="folder to write")
    parser.add_argument(
        "--preset", default="tiny", help="architecture and recipe (%(default)s)"
    )
    parser.add_argument(
        "--data",
        default="embedded",
        metavar="FOLDER",
        help="with train/ and val/, each packed regions and their dataset_*.json "
        "(the embedded scenes)",
    )
    parser.add_argument(
        "--caption-backbone",
        metavar="BERT",
        help="KerasHub preset or Hugging Face folder (none: trained from scratch)",
    )
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--dtype", default="float32", help="or mixed_bfloat16")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of weights, order and dropout (%(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    run_script(main)
