"""`keras-teran train`."""

from keras_teran.cli._parsers import add_command
from keras_teran.cli.data_options import add_data_options, named_phrases, named_source


def add(commands):
    """Adds `train` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "train", run, "train a model, or go on with a killed training"
    )
    command.add_argument("run", metavar="RUN", help="folder to write")
    command.add_argument(
        "--config", metavar="FILE", help="YAML; the options below go before it"
    )
    command.add_argument("--preset", help="architecture and recipe (tiny)")
    add_data_options(command, "the embedded scenes")
    command.add_argument(
        "--caption-backbone",
        metavar="BERT",
        help="KerasHub preset or Hugging Face folder of a pretrained BERT (none: the "
        "caption encoder trains from scratch)",
    )
    command.add_argument(
        "--image-backbone",
        metavar="PRESET",
        help="KerasHub preset of a picture backbone, to train on --images: its patches "
        "are the regions, made inside the model (none: the model takes regions)",
    )
    command.add_argument(
        "--grounding",
        metavar="FILE",
        help="phrases with boxes of val, as `evaluate --grounding` takes them: each epoch "
        "logs val_pointing (none)",
    )
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--dtype", choices=["float32", "mixed_bfloat16"])
    command.add_argument("--seed", type=int, help="of weights, order and dropout (0)")


def run(arguments):
    """`keras-teran train`."""
    import dataclasses

    from keras_teran.training import TrainingConfig, read_config
    from keras_teran.training import train as train_run

    config = read_config(arguments.config) if arguments.config else TrainingConfig()
    given = {
        name: value
        for name in ("preset", "caption_backbone", "image_backbone", "dtype", "seed")
        if (value := getattr(arguments, name)) is not None
    }
    if (source := named_source(arguments)) is not None:
        given["data"] = source.plain()
    if (phrases := named_phrases(arguments)) is not None:
        given["grounding"] = phrases
    if arguments.epochs is not None:
        given["recipe"] = {**config.recipe, "epochs": arguments.epochs}
    history = train_run(dataclasses.replace(config, **given), arguments.run)
    print(f"{arguments.run}: best val rsum {max(history['val_rsum']):.1f}")
