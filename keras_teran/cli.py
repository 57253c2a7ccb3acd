"""The `keras-teran` command: its subcommands and what each of them calls."""

# Nothing slow at the top: until `main` runs, a signal ends Python in its own way.
import sys

from keras_teran import ending

# Commands that, killed and given again, do not begin anew.
_RESUMING = ("train", "index", "pack", "regions")


def main(argv=None):
    """Runs the command; what a user did wrong is one line on standard error.

    Args:
        argv: list of str, the arguments; None for those of the process, which the
            command then owns: a signal ends it.

    Returns:
        int: 0; 2 for any error, told in one line; 130 when interrupted, 143 when
            terminated.
    """
    debug, given = ending.take_debug(sys.argv[1:] if argv is None else [*argv])
    end = ending.Ending("keras-teran", debug, own=argv is None)

    def run():
        arguments = _parser().parse_args(given)
        _refuse_empty(arguments)
        if arguments.subcommand in _RESUMING:
            end.hint = "the same command goes on."
        arguments.command(arguments)

    return end.run(run)


def _refuse_empty(arguments):
    """Refuses empty texts, which would name the folder that the command stands in."""
    for name, value in vars(arguments).items():
        if "" in (value if isinstance(value, list) else [value]):
            raise ValueError(
                f"{name.replace('_', '-')} is an empty text; give one, or leave it out."
            )


def train(arguments):
    """`keras-teran train`."""
    import dataclasses

    from keras_teran.config import TrainingConfig, read_config
    from keras_teran.data.options import named_source

    config = read_config(arguments.config) if arguments.config else TrainingConfig()
    given = {
        name: value
        for name in ("preset", "caption_backbone", "image_backbone", "dtype", "seed")
        if (value := getattr(arguments, name)) is not None
    }
    if (source := named_source(arguments)) is not None:
        given["data"] = source
    if arguments.epochs is not None:
        given["recipe"] = {**config.recipe, "epochs": arguments.epochs}
    config = dataclasses.replace(config, **given)
    from keras_teran.training import train as run_training  # Loads Keras: seconds.

    history = run_training(config, arguments.run)
    print(f"{arguments.run}: best val rsum {max(history['val_rsum']):.1f}")


def evaluate(arguments):
    """`keras-teran evaluate`."""

    from keras_teran import _io

    _io.whole("--seed", arguments.seed)
    if arguments.json:
        _io.check_output(arguments.json)
    result, text = (
        _evaluate_protocol(arguments) if arguments.protocol else _recall(arguments)
    )
    print(text)
    if arguments.json:
        _io.write_json(arguments.json, result)


def _evaluate_protocol(arguments):
    from keras_teran.evaluation.command import evaluate_protocol
    from keras_teran.evaluation.protocol_table import format_protocol

    result = evaluate_protocol(
        arguments.runs,
        lambda run: _open(arguments, run)[:2],
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
    captions, regions, drawn = _open(arguments, arguments.runs[0])
    return evaluate_split(matcher, captions, regions, drawn, arguments.split)


def export(arguments):
    """`keras-teran export`."""
    import argparse

    from keras_teran.export import format_manifest
    from keras_teran.export_command import export_run
    from keras_teran.serving.command import check_serving, lay_out
    from keras_teran.verify_table import format_verification

    def open_split(split):
        chosen = argparse.Namespace(**{**vars(arguments), "split": split or judged})
        return _open(chosen, arguments.run)[:2]

    check_serving(arguments.tf_serving, arguments.formats)
    judged = arguments.split
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
    from keras_teran.data.options import check_width, open_data
    from keras_teran.export_command import refuse_losses, verify_export
    from keras_teran.exported import read_manifest
    from keras_teran.run import read_run_config
    from keras_teran.verify_table import format_verification

    data = read_run_config(arguments.run).get("data") if arguments.run else None
    config = read_manifest(arguments.exported)["config"]
    backbone = config.get("image_backbone")
    captions, regions, _ = open_data(arguments, data, backbone, arguments.exported)
    check_width(regions, config.get("region_dim"), arguments.exported)
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
    from keras_teran import _io
    from keras_teran.data.pictures import picture_path
    from keras_teran.explain import draw

    _io.check_output(arguments.out)
    matcher = keras_teran.load(arguments.run)
    captions, regions, drawn = _open(arguments, arguments.run, check=False)
    row = captions.row_of(arguments.image_id)
    caption = arguments.caption
    if caption is None:
        caption = captions.captions_of(row)[0]
    picture = None if drawn is None else drawn.pictures[row]
    if folder := arguments.pictures or arguments.images:
        picture = picture_path(folder, captions.filenames[row])
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
    import argparse

    from keras_teran._io import one_line
    from keras_teran.data.command import add_pack
    from keras_teran.data.options import add_data_options
    from keras_teran.data.preparing.command import add_data
    from keras_teran.distillation.command import add_distill
    from keras_teran.regions.command import add_regions
    from keras_teran.search.command import add_search_commands
    from keras_teran.web.command import add_serve_command

    class OneLine(argparse.ArgumentParser):
        def error(self, message):
            message = f"{one_line(message)}; `{self.prog} --help` shows what is taken."
            self.exit(ending.REFUSED, f"keras-teran: {message}\n")

        def print_help(self, file=None):
            # The original passes over a full disk and a reader that has gone.
            (file or sys.stdout).write(self.format_help())

    parser = OneLine(
        prog="keras-teran",
        description="Image–sentence matching by word–region alignment (TERAN).",
        epilog=ending.EXIT_STATUS,
    )
    # `main` takes it out of the arguments, wherever it stands.
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="subcommand"
    )
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
    add_distill(commands, add_data_options, _source)
    add_regions(commands)
    return parser


def _add_train(commands):
    from keras_teran.data.options import add_data_options

    command = _add(commands, train, "train a model, or go on with a killed training")
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
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--dtype", choices=["float32", "mixed_bfloat16"])
    command.add_argument("--seed", type=int, help="of weights, order and dropout (0)")


def _add_evaluate(commands):
    from keras_teran.data.options import add_data_options
    from keras_teran.evaluation.options import add_protocol_options

    command = _add(commands, evaluate, "recall both ways, all images, all captions")
    command.add_argument(
        "runs", metavar="RUN", nargs="+", help="folder that training wrote"
    )
    add_data_options(command, "what the run was trained on")
    _add_split(command)
    command.add_argument("--json", metavar="FILE", help="write the figures there too")
    add_protocol_options(command)


def _add_export(commands):
    from keras_teran.data.options import add_data_options
    from keras_teran.export_command import add_export_options
    from keras_teran.serving.command import add_serving_option

    command = _add(commands, export, "encoders, scorer to SavedModel, LiteRT, ONNX")
    _add_run(command)
    add_export_options(command)
    add_serving_option(command)
    add_data_options(command, "none: files are judged by differences from Keras alone")
    _add_split(command, "val")


def _add_verify(commands):
    from keras_teran.data.options import add_data_options
    from keras_teran.export_command import add_verify_options

    command = _add(commands, verify, "recall and cost of every exported file")
    add_verify_options(command)
    add_data_options(command, "what --run was trained on")
    _add_split(command, "val")


def _add_align(commands):
    from keras_teran.data.options import add_data_options

    command = _add(commands, align, "draw which region each word chose")
    _add_run(command)
    add_data_options(command, "what the run was trained on")
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


def _source(arguments):
    """What the data options name for the model of `arguments.run`; None: nothing."""
    from keras_teran.data.options import source_for
    from keras_teran.run import read_image_backbone

    run = arguments.run
    return source_for(arguments, read_image_backbone(run), run)


def _open(arguments, run, check=True):
    """The split that the data options name, or else the data of a RUN."""
    from keras_teran.data.options import check_width, open_data
    from keras_teran.run import read_architecture, read_run_config

    data, model = read_run_config(run).get("data"), read_architecture(run)
    opened = open_data(arguments, data, model.get("image_backbone"), run, check)
    check_width(opened[1], model.get("region_dim"), run)
    return opened


if __name__ == "__main__":
    sys.exit(main())
