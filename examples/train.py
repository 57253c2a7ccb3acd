"""Train a model: build_model, compile, model.fit.

On the embedded scenes (no download):
    python examples/train.py runs/tiny

On Flickr8k with a pretrained caption encoder (README, "Real data"):
    python examples/train.py runs/small --preset small \
        --data "$DATA" --caption-backbone "$MINILM" --dtype mixed_bfloat16
"""

import argparse
from pathlib import Path

import keras

import keras_teran
from keras_teran.data.batches import PairBatches
from keras_teran.data.captions import read_captions
from keras_teran.data.embedded import embedded
from keras_teran.data.regions import open_regions
from keras_teran.evaluation.callback import RetrievalEvaluation
from keras_teran.recipe import learning_rate
from keras_teran.run import save_run


def main():
    """Trains as the preset's recipe says, evaluates each epoch, writes RUN."""
    arguments = parse()
    keras.utils.set_random_seed(arguments.seed)
    recipe = keras_teran.RECIPES[arguments.preset]
    epochs = arguments.epochs or recipe["epochs"]
    (train, train_regions), (val, val_regions) = load_data(arguments.data)
    if arguments.caption_backbone:
        tokenizer = keras_teran.CaptionTokenizer.load(arguments.caption_backbone)
    else:
        tokenizer = keras_teran.CaptionTokenizer.train(train.captions)

    model = keras_teran.build_model(
        arguments.preset,
        pooling=arguments.pooling,
        caption_backbone=arguments.caption_backbone,
        region_dim=train_regions.region_dim,
        dtype=arguments.dtype,
        **vocabulary_size(arguments, tokenizer),
    )
    batches = PairBatches(
        train,
        train_regions,
        tokenizer,
        recipe["batch_size"],
        seed=arguments.seed,
        progress=True,
    )
    model.compile(
        keras.optimizers.Adam(
            learning_rate(recipe, len(batches)),
            global_clipnorm=recipe["gradient_norm"],
        ),
        loss=keras_teran.Hinge(recipe["margin"], recipe["negatives"]),
    )
    folder = Path(arguments.run)
    folder.mkdir(parents=True, exist_ok=True)
    history = model.fit(
        batches,
        epochs=epochs,
        shuffle=False,  # the batches shuffle themselves, by seed and epoch
        callbacks=[
            RetrievalEvaluation(val, val_regions, tokenizer),
            keras.callbacks.CSVLogger(folder / "history.csv"),
            keras.callbacks.ModelCheckpoint(
                folder / "last.weights.h5", save_weights_only=True
            ),
        ],
    )
    save_run(folder, model, tokenizer, vars(arguments), history.history)
    print(f"Wrote {folder}. Best val rsum: {max(history.history['val_rsum']):.1f}")


def load_data(folder):
    """The (captions, regions) of train and val: of a folder, or the embedded set."""
    if folder is None:
        sets = [embedded(split, progress=True) for split in ("train", "val")]
        return [(part.captions, part.regions) for part in sets]
    pairs = []
    for split in ("train", "val"):
        captions_file = next(Path(folder, split).glob("dataset_*.json"))
        captions = read_captions(captions_file, split)
        pairs.append((captions, open_regions(Path(folder, split), captions)))
    return pairs


def vocabulary_size(arguments, tokenizer):
    """Without a backbone the vocabulary is the tokeniser's own."""
    if arguments.caption_backbone:
        return {}
    return {"vocabulary_size": len(tokenizer.vocabulary)}


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="folder to write")
    parser.add_argument("--preset", default="tiny", choices=list(keras_teran.PRESETS))
    parser.add_argument("--pooling", help="instead of the preset's")
    parser.add_argument(
        "--data",
        help="folder with train/ and val/, each a packed region store with its "
        "dataset_*.json of captions; default: the embedded scenes",
    )
    parser.add_argument(
        "--caption-backbone", help="KerasHub preset or Hugging Face folder of a BERT"
    )
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--dtype", default="float32", help="or mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
