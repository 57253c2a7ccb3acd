"""Export both encoders of a training run to SavedModel, LiteRT and ONNX.

    python export/export.py runs/quickstart --out exported

Every file is run and compared with Keras before anything appears under --out.
"""

import argparse

import keras_teran
from keras_teran.export import FORMATS, export, format_manifest


def main():
    """Parses the arguments and exports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="folder that training wrote")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=FORMATS, help="default: all"
    )
    arguments = parser.parse_args()
    matcher = keras_teran.load(arguments.run)
    manifest = export(
        matcher.model,
        matcher.tokenizer,
        arguments.out,
        arguments.formats,
        preset=matcher.preset,
        progress=True,
    )
    print(format_manifest(manifest))
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
