"""Export both encoders of a training run, and its scorer, to SavedModel, LiteRT and ONNX.

    python export/export.py runs/quickstart --out exported

Every file is run and compared with Keras before anything appears under --out. With
--data, recall on its split val is judged too.
"""

import argparse

from keras_teran.ending import run_script
from keras_teran.export import format_manifest
from keras_teran.export_command import add_export_options, export_run


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
        manifest, _ = export_run(
            arguments.run,
            arguments.out,
            arguments.formats,
            arguments.variants,
            _opener(arguments.data) if arguments.data else None,
            arguments.keep,
        )
    except ValueError as error:
        parser.error(str(error))
    print(format_manifest(manifest))
    print(f"written to {arguments.out}")


def _opener(data):
    from keras_teran.data.splits import open_split

    return lambda split: open_split(data, split or "val")[:2]


if __name__ == "__main__":
    run_script(main)
