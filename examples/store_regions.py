"""Encode images once with an exported image encoder, and keep what a search needs.

    python examples/store_regions.py runs/exported runs/regions.npy
    python examples/store_regions.py EXPORTED OUT.npy --regions FOLDER

Without --regions, the images of the embedded scenes. Row n of OUT.npy is image n of
OUT.ids.npy.
"""

import argparse
from pathlib import Path

import numpy as np

import keras_teran

# In the order in which they are looked for.
FILES = ("onnx/image_encoder.onnx", "litert/image_encoder.tflite")
BATCH = 32


def main():
    """Encode, and write float32 (images, regions, dim) and the images' ids."""
    args = parse_arguments()
    found = [args.exported / name for name in FILES if (args.exported / name).exists()]
    if not found:
        raise SystemExit(f"{args.exported} holds neither {' nor '.join(FILES)}.")
    encoder = keras_teran.open_exported(found[0])
    store = open_store(args)
    blocks = [
        encoder(store.read(store.image_ids[start : start + BATCH]))["region_embeddings"]
        for start in range(0, len(store.image_ids), BATCH)
    ]
    longest = max(block.shape[1] for block in blocks)
    padded = [
        np.pad(block, [(0, 0), (0, longest - block.shape[1]), (0, 0)])
        for block in blocks
    ]
    embeddings = np.concatenate(padded)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.save(args.out, embeddings)
    np.save(args.out.with_suffix(".ids.npy"), store.image_ids)
    print(f"{args.out}: {' x '.join(map(str, embeddings.shape))}")


def open_store(args):
    """The images of a packed store, or of the embedded scenes."""
    if args.regions:
        return keras_teran.PackedRegions(args.regions)
    return keras_teran.embedded_scenes("test", images=args.images).regions


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("exported", metavar="EXPORTED", type=Path, help="the export")
    parser.add_argument("out", metavar="OUT", type=Path, help="the .npy to write")
    parser.add_argument("--regions", metavar="FOLDER", help="packed region features")
    parser.add_argument(
        "--images", type=int, default=24, help="embedded scenes (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
