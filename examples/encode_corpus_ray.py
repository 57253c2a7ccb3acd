"""Encode a corpus of images in parallel with Ray Data, then build an index from it.

    pip install -e ".[search,ray]"
    python examples/encode_corpus_ray.py RUN SHARDS --workers 2 --index INDEX

Without data options, the images of the run's data. Each worker loads the model once and
writes whole shards; run again after a kill, it encodes what is missing. `--workers 0` does
it in this process, without Ray; `--address auto` on the cluster that this machine is part
of, whose machines all have to see RUN, data and SHARDS under the same paths.
"""

import argparse
import os

from data_options import add_data_options, open_data
from tqdm import tqdm

import keras_teran


class Encoder:
    """Writes shards: what a worker of Ray makes once and calls for each row.

    Args:
        args: the options of the command line.
    """

    def __init__(self, args):
        self.folder = args.shards
        self.matcher = keras_teran.load(args.run)
        _, self.regions, _ = open_data(args, self.matcher)

    def __call__(self, row):
        """Writes the shard of a row, and tells how many images it holds."""
        number = int(row["shard"])
        images = keras_teran.write_shard(
            self.matcher, self.regions, self.folder, number
        )
        return {"shard": number, "images": images}


def main():
    """Plan, encode what is missing, and build the index."""
    args = parse_arguments()
    captions, regions, _ = open_data(args, keras_teran.load(args.run))
    missing = keras_teran.plan_shards(
        args.run, regions, args.shards, args.images_a_shard, args.dtype
    )
    print(f"{len(regions.image_ids):,} images; shards to write: {len(missing)}")
    rows = [{"shard": number} for number in missing]
    encode = in_parallel if args.workers else here
    images = 0
    for done in tqdm(encode(args, rows), total=len(rows), desc="encoding"):
        images += done["images"]
    print(f"{args.shards}: {images:,} images encoded")
    if args.index:
        shards = keras_teran.Shards(args.shards)
        counts = keras_teran.build_index(args.run, captions, shards, args.index)
        print(f"{args.index}: {counts['images']:,} images")


def here(args, rows):
    """Encodes in this process."""
    encoder = Encoder(args) if rows else None
    return (encoder(row) for row in rows)


def in_parallel(args, rows):
    """Encodes by Ray Data, `--workers` models at a time."""
    if not rows:
        return iter(())
    os.environ.setdefault(
        "RAY_USAGE_STATS_ENABLED", "0"
    )  # Ray would report to its makers
    try:
        import ray
    except ModuleNotFoundError:
        raise SystemExit(
            "Ray is not installed: pip install 'keras-teran[ray]', or --workers 0."
        ) from None
    if args.address:
        ray.init(address=args.address)
    else:
        ray.init(num_cpus=args.workers, include_dashboard=False)
    # A block a shard: a worker that dies loses what it was at, and Ray gives it again.
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
    encoded = dataset.map(
        Encoder,
        fn_constructor_args=(args,),
        compute=ray.data.ActorPoolStrategy(size=args.workers),
        num_gpus=args.gpus_a_worker or None,
    )
    return encoded.iter_rows()


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("run", metavar="RUN", help="folder that training wrote")
    parser.add_argument("shards", metavar="SHARDS", help="folder to write; resumes")
    parser.add_argument("--index", metavar="INDEX", help="build this index from them")
    parser.add_argument(
        "--workers", type=int, default=2, help="models at a time (%(default)s)"
    )
    parser.add_argument("--address", help="of a Ray cluster (Ray on this machine)")
    parser.add_argument(
        "--gpus-a-worker", type=float, default=0, help="such as 1 or 0.5 (%(default)s)"
    )
    parser.add_argument(
        "--images-a-shard", type=int, default=4096, help="(%(default)s)"
    )
    parser.add_argument(
        "--dtype",
        choices=["float16", "float32"],
        default="float16",
        help="(%(default)s)",
    )
    add_data_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
