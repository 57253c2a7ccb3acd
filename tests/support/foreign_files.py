"""Features as other projects leave them, their captions, and `keras-teran pack`."""

import base64
import json

import numpy as np

from keras_teran.cli.main import main
from keras_teran.data._caption_set import CaptionSet, read_captions
from keras_teran.data._region_store import PackedRegions


def caption_set(ids, filenames=None):
    count = len(ids)
    return CaptionSet(
        image_ids=ids,
        filenames=filenames or [""] * count,
        captions=["a dog"] * count,
        caption_ids=np.arange(count),
        caption_to_image=np.arange(count),
    )


def feature(value):
    """One region, by which an image is known again."""
    return np.full((1, 4), value, np.float32)


def write_captions(path, names, cocoids=None, split="test"):
    records = [
        {
            "imgid": k,
            "filename": name,
            "split": split,
            "sentences": [{"raw": f"caption of {name}", "sentid": k}],
            **({} if cocoids is None else {"cocoid": cocoids[k]}),
        }
        for k, name in enumerate(names)
    ]
    path.write_text(json.dumps({"images": records}), encoding="utf-8")
    return path


def encoded(array):
    return base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()


def bottom_up_row(key, boxes, value=1.0, size=(640, 480)):
    count = len(boxes)
    return (
        f"{key}\t{size[0]}\t{size[1]}\t{count}\t{encoded(boxes)}\t"
        f"{encoded(np.full((count, 4), value))}\n"
    )


def write_lmdb(lmdb, folder, values):
    with (
        lmdb.open(str(folder), map_size=2**22) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in values.items():
            transaction.put(key.encode(), value)
    return folder


def run_pack(folder, features, captions, *more):
    line = ["pack", *map(str, features), str(folder / "out")]
    return main([*line, "--captions", str(captions), "--split", "test", *more])


def packed_values(folder):
    """{file name: the number in its features} of a packed store and its captions."""
    store = PackedRegions(folder)
    captions = read_captions(folder / "dataset_test.json", "test")
    read = store.read(captions.image_ids)["regions"]
    return dict(zip(captions.filenames, read[:, 0, 0].tolist(), strict=True))
