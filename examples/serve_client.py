"""Search images with a sentence through TF Serving: no model is loaded here.

    keras-teran export RUN --out runs/served --tf-serving runs/models
    sh runs/models/serve.sh    # in another terminal
    python examples/serve_client.py runs/models/client/1 "a red circle"

The images are those of the embedded scenes, or of packed regions: --regions FOLDER. A
model with pixels inside takes pictures: --pictures FOLDER.
"""

import argparse

import numpy as np

import keras_teran


def main():
    """Encode a few images on the server, then rank them by one sentence."""
    args = parse_arguments()
    with keras_teran.TFServingClient(
        args.url, args.client, timeout=args.timeout
    ) as client:
        image_ids, encoded = encode_images(args, client)
        images = encoded["region_embeddings"]
        words = client.encode_captions([args.sentence])["word_embeddings"]
        scores = client.score(images, words)[:, 0]
    print(f"{'rank':>4} {'score':>8} {'image':>9}")
    for place, row in enumerate(np.argsort(-scores, kind="stable")[: args.top], 1):
        print(f"{place:4} {scores[row]:8.3f} {image_ids[row]:>9}")


def encode_images(args, client):
    """The first images there are: their ids or names, and what the server gives."""
    if args.pictures:
        listed = keras_teran.list_pictures(args.pictures)
        encoded = client.encode_pictures(listed.paths[: args.images])
        return listed.names[: args.images], encoded
    if args.regions:
        store = keras_teran.PackedRegions(args.regions)
    else:
        store = keras_teran.embedded_scenes("test", images=args.images).regions
    image_ids = store.image_ids[: args.images]
    return image_ids, client.encode_regions(**store.read(image_ids))


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("client", metavar="CLIENT", help="client/1 of the repository")
    parser.add_argument("sentence", help="what to look for, in quotes")
    parser.add_argument(
        "--url",
        default="grpc://localhost:8500",
        help="or http://localhost:8501 (%(default)s)",
    )
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--regions", metavar="FOLDER", help="packed region features")
    images.add_argument(
        "--pictures", metavar="FOLDER", help="for a model with pixels inside"
    )
    parser.add_argument(
        "--images", type=int, default=20, help="how many to search (%(default)s)"
    )
    parser.add_argument(
        "--top", type=int, default=5, help="images to list (%(default)s)"
    )
    parser.add_argument(
        "--timeout", type=float, default=30, help="seconds a request (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
