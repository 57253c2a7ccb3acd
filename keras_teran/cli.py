"""The `keras-teran` command: its subcommands and what each of them calls."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path


def main(argv=None):
    """Runs the command; what a user did wrong is one line on standard error.

    Args:
        argv: list of str, the arguments; None for those of the process.

    Returns:
        int: 0, 2 for a user's error, 130 when interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"keras-teran: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("keras-teran: interrupted; the same command goes on.", file=sys.stderr)
        return 130
    return 0


def train(arguments):
    """`keras-teran train`."""
    from keras_teran.config import TrainingConfig, read_config
    from keras_teran.training import train as run_training

    config = read_config(arguments.config) if arguments.config else TrainingConfig()
    given = {
        name: value
        for name in ("preset", "caption_backbone", "dtype", "seed")
        if (value := getattr(arguments, name)) is not None
    }
    if (source := _source(arguments)) is not None:
        given["data"] = source
    if arguments.epochs is not None:
        given["recipe"] = {**config.recipe, "epochs": arguments.epochs}
    history = run_training(dataclasses.replace(config, **given), arguments.run)
    print(f"{arguments.run}: best val rsum {max(history['val_rsum']):.1f}")


def evaluate(arguments):
    """`keras-teran evaluate`."""
    from keras_teran.run import write_text

    if arguments.json and not Path(arguments.json).absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder for {arguments.json}: make it first."
        )
    result, text = (
        _evaluate_protocol(arguments) if arguments.protocol else _recall(arguments)
    )
    print(text)
    if arguments.json:
        write_text(arguments.json, json.dumps(result, indent=1) + "\n")


def _evaluate_protocol(arguments):
    from keras_teran.evaluation.command import evaluate_protocol
    from keras_teran.evaluation.protocol_table import format_protocol
    from keras_teran.run import read_run_config

    result = evaluate_protocol(
        arguments.runs,
        lambda run: _open(arguments, read_run_config(run))[:2],
        arguments.protocol,
        rouge_l=arguments.rouge_l,
        spice=arguments.spice,
        zero_ndcg=arguments.zero_ndcg,
        seed=arguments.seed,
        trec=arguments.trec,
        eccv=arguments.eccv,
        progress=True,
    )
    result = {"split": arguments.split, **result}
    return result, f"split {arguments.split}, {format_protocol(result)}"


def _recall(arguments):
    """Of one run, on all images and captions of any split."""
    import keras_teran
    from keras_teran.evaluation.command import evaluate_split
    from keras_teran.evaluation.options import refuse_protocol_options

    refuse_protocol_options(arguments)
    matcher = keras_teran.load(arguments.runs[0])
    captions, regions, drawn = _open(arguments, matcher.config)
    return evaluate_split(matcher, captions, regions, drawn, arguments.split)


def export(arguments):
    """`keras-teran export`."""
    from keras_teran.export import format_manifest
    from keras_teran.export_command import export_run
    from keras_teran.run import read_run_config
    from keras_teran.serving.command import lay_out, refuse_without_savedmodel
    from keras_teran.verify_table import format_verification

    def open_split(split):
        chosen = argparse.Namespace(**{**vars(arguments), "split": split or judged})
        return _open(chosen, config)[:2]

    refuse_without_savedmodel(arguments.tf_serving, arguments.formats)
    config, judged = read_run_config(arguments.run), arguments.split
    manifest, found = export_run(
        arguments.run,
        arguments.out,
        arguments.formats,
        arguments.variants,
        open_split if _source(arguments) is not None else None,
        arguments.keep,
    )
    print(format_manifest(manifest))
    if found is not None:
        print(format_verification(found))
    print(f"written to {arguments.out}")
    if arguments.tf_serving:
        print(lay_out(arguments.out, arguments.tf_serving))


def verify(arguments):
    """`keras-teran verify`."""
    from keras_teran.export_command import refuse_losses, verify_export
    from keras_teran.run import read_run_config
    from keras_teran.verify_table import format_verification

    config = read_run_config(arguments.run) if arguments.run else {"data": None}
    captions, regions, _ = _open(arguments, config)
    found = verify_export(
        arguments.exported,
        captions,
        regions,
        arguments.run,
        arguments.most_lost,
        not arguments.no_cost,
    )
    print(format_verification(found))
    refuse_losses(found)


def align(arguments):
    """`keras-teran align`."""
    import keras_teran
    from keras_teran.data.pictures import picture_path
    from keras_teran.explain import draw

    matcher = keras_teran.load(arguments.run)
    captions, regions, drawn = _open(arguments, matcher.config)
    row = captions.row_of(arguments.image_id)
    caption = arguments.caption or captions.captions_of(row)[0]
    picture = None if drawn is None else drawn.pictures[row]
    if arguments.pictures:
        picture = picture_path(arguments.pictures, captions.filenames[row])
    found = matcher.explain(regions.read(captions.image_ids[[row]]), caption)
    draw(found, picture, arguments.out)
    print(f"image {captions.image_ids[row]}, {found.pooling} score {found.score:.3f}")
    print(f"drawn to {arguments.out}")


def convert(arguments):
    """`keras-teran convert`."""
    from keras_teran.conversion.to_run import convert as convert_to_run

    model = convert_to_run(
        arguments.checkpoint, arguments.out, arguments.vocab, arguments.caption_heads
    )
    print(
        f"{arguments.out}: {model.count_params():,} weights, pooling {model.pooling}, "
        f"BERT with {model.config['caption_heads']} heads"
    )


def _parser():
    from keras_teran.data.command import add_pack
    from keras_teran.data.preparing.command import add_data
    from keras_teran.distillation.command import add_distill
    from keras_teran.regions.command import add_regions
    from keras_teran.search.command import add_search_commands
    from keras_teran.web.command import add_serve_command

    parser = argparse.ArgumentParser(
        prog="keras-teran",
        description="Image–sentence matching by word–region alignment (TERAN).",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_evaluate(commands)
    _add_export(commands)
    _add_verify(commands)
    _add_align(commands)
    add_pack(commands)
    add_data(commands)
    _add_convert(commands)
    add_search_commands(commands, _add)
    add_serve_command(commands)
    add_distill(commands, _add_data, _source)
    add_regions(commands)
    return parser


def _add_train(commands):
    command = _add(commands, train, "train a model, or go on with a killed training")
    command.add_argument("run", metavar="RUN", help="folder to write")
    command.add_argument(
        "--config", metavar="FILE", help="YAML; the options below go before it"
    )
    command.add_argument("--preset", help="architecture and recipe (tiny)")
    _add_data(command, "the embedded scenes")
    command.add_argument(
        "--caption-backbone",
        metavar="BERT",
        help="KerasHub preset or Hugging Face folder of a pretrained BERT (none: the "
        "caption encoder trains from scratch)",
    )
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--dtype", choices=["float32", "mixed_bfloat16"])
    command.add_argument("--seed", type=int, help="of weights, order and dropout (0)")


def _add_evaluate(commands):
    from keras_teran.evaluation.options import add_protocol_options

    command = _add(commands, evaluate, "recall both ways, all images, all captions")
    command.add_argument(
        "runs", metavar="RUN", nargs="+", help="folder that training wrote"
    )
    _add_data(command, "what the run was trained on")
    _add_split(command)
    command.add_argument("--json", metavar="FILE", help="write the figures there too")
    add_protocol_options(command)


def _add_export(commands):
    from keras_teran.export_command import add_export_options
    from keras_teran.serving.command import add_serving_option

    command = _add(commands, export, "encoders, scorer to SavedModel, LiteRT, ONNX")
    _add_run(command)
    add_export_options(command)
    add_serving_option(command)
    _add_data(command, "none: files are judged by differences from Keras alone")
    _add_split(command, "val")


def _add_verify(commands):
    from keras_teran.export_command import add_verify_options

    command = _add(commands, verify, "recall and cost of every exported file")
    add_verify_options(command)
    _add_data(command, "what --run was trained on")
    _add_split(command, "val")


def _add_align(commands):
    command = _add(commands, align, "draw which region each word chose")
    _add_run(command)
    _add_data(command, "what the run was trained on")
    _add_split(command)
    command.add_argument("--image-id", type=int, help="which image (the first)")
    command.add_argument("--caption", help="a sentence (the image's first caption)")
    command.add_argument("--pictures", metavar="FOLDER", help="of the image files")
    command.add_argument(
        "--out", metavar="PNG", default="align.png", help="file to write (%(default)s)"
    )


def _add_convert(commands):
    command = _add(commands, convert, "a checkpoint of the authors' code to a RUN")
    command.add_argument("checkpoint", metavar="CHECKPOINT", help="their .pth file")
    command.add_argument("out", metavar="OUT", help="RUN folder to write")
    command.add_argument(
        "--vocab",
        metavar="FILE",
        help="of the BERT it was trained from (vocab.txt beside the checkpoint)",
    )
    command.add_argument(
        "--caption-heads",
        type=int,
        metavar="N",
        help="of that BERT (12 at width 768, 4 at any other)",
    )


def _add(commands, function, help_text):
    command = commands.add_parser(
        function.__name__, help=help_text, description=help_text
    )
    command.set_defaults(command=function)
    return command


def _add_run(command):
    command.add_argument("run", metavar="RUN", help="folder that training wrote")


def _add_split(command, default="test"):
    command.add_argument(
        "--split", default=default, help="train, val or test (%(default)s)"
    )


def _add_data(command, default):
    group = command.add_argument_group(f"data (default: {default})")
    group.add_argument(
        "--data",
        metavar="FOLDER",
        help="with dataset_*.json and regions/, or with train/ and val/, each packed "
        "regions and their dataset_*.json; or the word embedded",
    )
    group.add_argument("--captions", metavar="FILE", help="captions, Karpathy layout")
    group.add_argument("--regions", metavar="FOLDER", help="region features")
    group.add_argument(
        "--sizes",
        metavar="PATH",
        help="image sizes, for features of one file an image: COCO's annotations, the "
        "image folder or a CSV",
    )


def _source(arguments):
    """What the data options name, as `open_split` takes it; None where they do not."""
    files = {
        name: value
        for name in ("captions", "regions", "sizes")
        if (value := getattr(arguments, name)) is not None
    }
    if files and arguments.data:
        raise ValueError("--data goes without --captions, --regions and --sizes.")
    if arguments.data:
        return (
            arguments.data
            if arguments.data == "embedded"
            else _absolute(arguments.data)
        )
    return {name: _absolute(path) for name, path in files.items()} or None


def _absolute(path):
    """So that a RUN knows its data wherever it is used from."""
    return str(Path(path).resolve())


def _open(arguments, config):
    """The split that the data options name, or else the data of a run's config."""
    from keras_teran.data.splits import open_split

    source = _source(arguments)
    if source is None:
        source = config["data"]
    if source is None:
        raise ValueError("No data are named; give --data, or --captions and --regions.")
    return open_split(source, arguments.split, progress=True)


if __name__ == "__main__":
    sys.exit(main())
