"""`keras-teran export`."""

from keras_teran.cli._parsers import add_command, add_run, add_split
from keras_teran.cli.data_options import (
    add_data_options,
    open_for_run,
    open_source,
    source_of_run,
)


def add(commands):
    """Adds `export` to the subparsers of `keras-teran`."""
    command = add_command(
        commands, "export", run, "encoders, scorer to SavedModel, LiteRT, ONNX"
    )
    add_run(command)
    add_export_options(command)
    _add_serving_option(command)
    add_data_options(command, "none: files are judged by differences from Keras alone")
    add_split(command, "val")


def add_export_options(command):
    """Adds the options of `export`, but for the RUN and the data, to a parser."""
    command.add_argument("--out", metavar="DIR", required=True, help="folder to write")
    command.add_argument(
        "--formats",
        nargs="+",
        metavar="FORMAT",
        help="savedmodel, litert, onnx (all)",
    )
    command.add_argument(
        "--variants",
        nargs="+",
        metavar="VARIANT",
        default=[],
        help="smaller files of the encoders beside the float32 ones: litert-float16, "
        "litert-int8, litert-full-int8 (calibrated on the split train of --data), "
        "onnx-float16, onnx-int8, or the word all",
    )
    command.add_argument(
        "--keep",
        action="store_true",
        help="with --data: write files even if their rsum falls by more than a point",
    )


def run(arguments):
    """`keras-teran export`."""
    from keras_teran.export import export_run, format_manifest, format_verification

    def open_split(split):
        """The split `train`, or with None the one to judge by."""

        def opened(source, judged):
            return open_source(source, split or judged)

        return open_for_run(arguments, arguments.run, opened)[:2]

    _check_serving(arguments.tf_serving, arguments.formats)
    manifest, found = export_run(
        arguments.run,
        arguments.out,
        arguments.formats,
        arguments.variants,
        open_split if source_of_run(arguments, arguments.run) else None,
        arguments.keep,
    )
    print(format_manifest(manifest))
    if found is not None:
        print(format_verification(found))
    print(f"written to {arguments.out}")
    if arguments.tf_serving:
        print(_lay_out(arguments.out, arguments.tf_serving))


def _add_serving_option(command):
    """Adds `--tf-serving` to an argument parser."""
    command.add_argument(
        "--tf-serving",
        metavar="MODELS",
        help="then add the SavedModels to this model repository, as its next version",
    )


def _check_serving(repository, formats):
    """Refuses a repository that the export could not be added to, before the export."""
    if not repository:
        return
    if formats and "savedmodel" not in formats:
        raise ValueError(
            "--tf-serving serves SavedModels: put savedmodel in --formats."
        )
    from keras_teran.tf_serving import check_repository

    check_repository(repository)


def _lay_out(exported, repository):
    """Adds an export to a repository, see `add_version`; a line that says so."""
    from keras_teran.tf_serving import add_version

    version = add_version(exported, repository)
    return f"{repository}: version {version}, labelled candidate"
