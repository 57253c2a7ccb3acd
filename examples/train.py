"""Train a model in plain Keras: build_model, compile, model.fit.

On the embedded scenes, nothing to download:

    python examples/train.py runs/tiny

On your own data with a pretrained BERT for the captions (docs/training.md):

    python examples/train.py runs/small --preset small --data "$DATA" \\
        --caption-backbone "$MINILM" --dtype mixed_bfloat16

`keras-teran train` does the same, from a YAML file if you like, and resumes.
"""

import argparse

import keras

import keras_teran


def main():
    """Trains as the preset's recipe says and evaluates after each epoch."""
    args = parse_arguments()
    config = keras_teran.TrainingConfig(
        preset=args.preset,
        data=args.data,
        caption_backbone=args.caption_backbone,
        dtype=args.dtype,
        recipe={"epochs": args.epochs} if args.epochs else {},
        seed=args.seed,
    )
    recipe = config.full_recipe
    keras.utils.set_random_seed(config.seed)

    captions, regions, _ = keras_teran.open_split(config.data, "train", progress=True)
    val_captions, val_regions, _ = keras_teran.open_split(
        config.data, "val", progress=True
    )
    tokenizer = keras_teran.build_tokenizer(config, captions)
    batches = keras_teran.PairBatches(
        captions,
        regions,
        tokenizer,
        **keras_teran.recipe_batch_settings(recipe),
        seed=config.seed,
    )

    model = build(config, tokenizer, regions.region_dim, len(batches))
    keras_teran.begin_run(args.run, config, tokenizer)
    keeper = keras_teran.RunKeeper(args.run)
    model.fit(
        batches,
        epochs=recipe["epochs"],
        shuffle=False,  # the batches shuffle themselves, by seed and epoch
        callbacks=[
            keras_teran.RetrievalEvaluation(val_captions, val_regions, tokenizer),
            keeper,
        ],
    )
    keras_teran.finish_run(args.run, config, keeper.history)


def build(config, tokenizer, region_dim, steps):
    """The model as the preset has it, compiled as its recipe says."""
    changes = {"region_dim": region_dim}
    if config.caption_backbone is None:
        changes["vocabulary_size"] = len(tokenizer.vocabulary)
    model = keras_teran.build_model(
        config.preset,
        caption_backbone=config.caption_backbone,
        dtype=config.dtype,
        **changes,
    )
    recipe = config.full_recipe
    model.compile(
        keras_teran.recipe_optimizer(recipe, steps),
        loss=keras_teran.recipe_loss(recipe),
    )
    model.pooled_loss = keras_teran.recipe_pooled_loss(recipe)
    return model


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
    keras_teran.run_script(main)
