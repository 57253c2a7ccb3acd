"""Export both encoders of a training run, and its scorer, to SavedModel, LiteRT and ONNX.

    python export/export.py runs/quickstart --out exported

Every file is run and compared with Keras before anything appears under --out. With
--data, recall on its split val is judged too.
"""

import argparse

import keras_teran
from keras_teran.cli.export import add_export_options


def main():
    """Parses the arguments and exports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="folder that training wrote")
    add_export_options(parser)
    parser.add_argument("--data", metavar="FOLDER", help="with train/ and val/")
    arguments = parser.parse_args()
    try:
        manifest, _ = keras_teran.export_run(
            arguments.run,
            arguments.out,
            arguments.formats,
            arguments.variants,
            _opener(arguments.data) if arguments.data else None,
            arguments.keep,
        )
    except ValueError as error:
        parser.error(str(error))
    print(keras_teran.format_export_manifest(manifest))
    print(f"written to {arguments.out}")


def _opener(data):
    return lambda split: keras_teran.open_split(data, split or "val")[:2]


if __name__ == "__main__":
    keras_teran.run_script(main)
