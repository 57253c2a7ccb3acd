"""`pack`, `data prepare` and what `regions` resumes: hostile input, one line each.

Adding a case is adding a `Row`.
"""

import io
import json
import os
import struct
import zipfile

import numpy as np
import pytest
from hostile_rows import Row, check_row, parametrize
from PIL import Image

h5py = pytest.importorskip("h5py")
lmdb = pytest.importorskip("lmdb")

DIM, REGIONS, IMAGES = 6, 3, 5
FEATURES = np.arange(REGIONS * DIM, dtype=np.float32).reshape(REGIONS, DIM) + 1
BOXES = np.float32([[0, 0, 10, 10], [20, 10, 150, 40], [0, 0, 200, 100]])
SIZE = np.float32([200, 100, 200, 100])


def write_captions(folder, images=IMAGES):
    records = [
        {
            "imgid": k,
            "filename": f"{k}.jpg",
            "split": "test",
            "sentences": [{"raw": f"caption {k}", "sentid": k}],
        }
        for k in range(images)
    ]
    (folder / "dataset.json").write_text(json.dumps({"images": records}))
    sizes = "".join(f"{k},200,100\n" for k in range(images))
    (folder / "sizes.csv").write_text("image_id,width,height\n" + sizes)


def asked(folder, features):
    line = ["pack", folder / features, folder / "out", "--split", "test"]
    sizes = ["--sizes", folder / "sizes.csv"]
    return [*line, "--captions", folder / "dataset.json", *sizes]


def original(change):
    """Two files an image; `change` damages them."""

    def build(folder):
        write_captions(folder)
        for name in ("bu_att", "bu_box"):
            (folder / "orig" / name).mkdir(parents=True)
        for k in range(IMAGES):
            np.savez_compressed(folder / "orig" / "bu_att" / f"{k}.npz", feat=FEATURES)
            np.save(folder / "orig" / "bu_box" / f"{k}.npy", BOXES)
        change(folder / "orig" / "bu_att" / "3.npz", folder / "orig/bu_box/3.npy")
        return asked(folder, "orig")

    return build


def hdf5(change):
    """A group an image; `change` is given the file."""

    def build(folder):
        write_captions(folder)
        with h5py.File(folder / "f.h5", "w") as file:
            for k in range(IMAGES):
                group = file.create_group(f"{k}.jpg")
                group["features"], group["boxes"] = FEATURES, BOXES
            change(file)
        return asked(folder, "f.h5")

    return build


def arrays(change, **more):
    """Arrays over all images; `change` maps them to those that are written."""

    def build(folder):
        write_captions(folder)
        fields = {
            "image_features": np.stack([FEATURES] * IMAGES),
            "spatial_features": np.stack([BOXES / SIZE] * IMAGES),
            "image_ids": np.array([f"{k}.jpg".encode() for k in range(IMAGES)]),
        }
        with h5py.File(folder / "f.h5", "w") as file:
            for name, value in {**fields, **more, **change(fields)}.items():
                file[name] = value
        return asked(folder, "f.h5")

    return build


def ranges(pairs):
    """All regions below each other, with their `pos_boxes`."""
    return arrays(
        lambda fields: {
            "image_features": np.concatenate([FEATURES] * IMAGES),
            "spatial_features": np.concatenate([BOXES / SIZE] * IMAGES),
            "pos_boxes": np.array(pairs),
        }
    )


def npz(**fields):
    file = io.BytesIO()
    np.savez_compressed(file, **fields)
    return file.getvalue()


def database(damage=None, **values):
    """An LMDB of `.npz` files; `damage` is given its file."""

    def build(folder):
        write_captions(folder)
        good = npz(features=FEATURES, norm_bb=BOXES / SIZE)
        entries = {f"{k}.npz": good for k in range(IMAGES)} | values
        with (
            lmdb.open(str(folder / "db"), map_size=2**22) as environment,
            environment.begin(write=True) as transaction,
        ):
            for key, value in entries.items():
                transaction.put(key.encode(), value)
        (folder / "db" / "lock.mdb").unlink()
        if damage:
            damage(folder / "db" / "data.mdb")
        return asked(folder, "db")

    return build


def header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def zipped(content, method=zipfile.ZIP_DEFLATED, name="feat.npy"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, archive.open(name, "w") as into:
        for piece in [content] if isinstance(content, bytes) else content:
            into.write(piece)
    return file.getvalue()


def patched(data, local, central, value):
    """An archive in which a number of its first entry is another."""
    data = bytearray(data)
    struct.pack_into("<H", data, data.index(b"PK\x03\x04") + local, value)
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + central, value)
    return bytes(data)


ENCRYPTED = patched(npz(feat=FEATURES), 6, 8, 1)
METHOD_97 = patched(npz(feat=FEATURES), 8, 10, 97)


def write(data):
    return lambda features, boxes: features.write_bytes(data)


def fifo(which):
    def change(*paths):
        paths[which].unlink()
        os.mkfifo(paths[which])

    return change


def boxes_of(array):
    return lambda features, boxes: np.save(boxes, array, allow_pickle=True)


def features_of(array):
    return lambda features, boxes: np.savez(features, feat=array)


def bomb():
    return header("(500000000,)"), *[bytes(2**24)] * 120  # 2 GB


def replaced(name, value):
    def change(file):
        del file[f"3.jpg/{name}"]
        file[f"3.jpg/{name}"] = value

    return change


def filled(file):
    shape = (60_000, 1_000_000)  # 240 GB that no disk holds
    for k in range(IMAGES):
        del file[f"{k}.jpg/features"]
        file.create_dataset(f"{k}.jpg/features", shape, "f4", chunks=(100, 1000))


def half_written(file):
    del file["3.jpg/features"]
    dataset = file.create_dataset("3.jpg/features", (REGIONS, DIM), "f4", chunks=(1, 6))
    dataset[0] = 1.0


def truncated(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 4096])


def overwritten(value):
    def damage(path):
        data = bytearray(path.read_bytes())
        data[2 * 4096 :] = bytes([value]) * (len(data) - 2 * 4096)
        path.write_bytes(data)

    return damage


def emptied(path):
    path.write_bytes(b"")


def progress(content):
    """What an earlier run left: `content` as its progress.json."""

    def build(folder):
        arguments = original(lambda *paths: None)(folder)
        (folder / "out.partial").mkdir()
        (folder / "out.partial" / "progress.json").write_text(content)
        return arguments

    return build


PLAN = '{"plan": {"images": 5}, "images_done": '

PACK = [
    Row("npz: encrypted flag", original(write(ENCRYPTED)), r"3\.npz is encrypted"),
    Row(
        "npz: unknown compression method 97",
        original(write(METHOD_97)),
        r"3\.npz is packed by method 97",
    ),
    Row(
        "npz: header promises 3.2 TB, no data",
        original(write(zipped(header("(800000000000,)")))),
        r"3\.npz: feat has 0 bytes, which is not its shape",
    ),
    Row(
        "npz: a bomb of 2 GB",
        original(lambda *paths: paths[0].write_bytes(zipped(bomb()))),
        r"3\.npz unpacks to 2,\d+,\d+,\d+ bytes, over",
        apart=True,
    ),
    Row("npz: a FIFO of that name", original(fifo(0)), r"3\.npz is no regular file"),
    Row("npz: features 0-D", original(features_of(FEATURES[0, 0])), r"3\.npz: `feat`"),
    Row("npz: LZMA", original(write(zipped(b"x", zipfile.ZIP_LZMA))), "by method 14"),
    Row(
        "npz: half of the file",
        original(write(npz(feat=FEATURES)[:99])),
        r"3\.npz is no \.npz file, or a damaged one",
    ),
    Row(
        "npy boxes: object dtype",
        original(boxes_of(np.array([None] * 4))),
        r"3\.npy is truncated or no plain \.npy file",
    ),
    Row(
        "npy boxes: text dtype",
        original(boxes_of(np.array([["a"] * 4] * 3))),
        r"3\.npy must hold bools, integers or floats",
    ),
    Row(
        "npy boxes: complex dtype",
        original(boxes_of(BOXES.astype(np.complex64))),
        r"3\.npy must hold bools, integers or floats",
    ),
    Row("npy boxes: bool", original(boxes_of(BOXES > 0)), r"3\.npy must hold numbers"),
    Row("npy boxes: a FIFO", original(fifo(1)), r"3\.npy is no regular file"),
    Row("npy boxes: 0-D", original(boxes_of(np.float32(1))), r"3\.npy must hold numb"),
    Row(
        "boxes: one image relative among pixels",
        original(boxes_of(BOXES / SIZE)),
        r"image 0 reach 200, 100 and look like pixels, those of image 3 .* relative",
    ),
    Row(
        "h5: features 1-D",
        hdf5(replaced("features", FEATURES[0])),
        r"f\.h5, 3\.jpg: features must hold floats .*\(6,\)",
    ),
    Row(
        "h5: features 0-D",
        hdf5(replaced("features", np.float32(1))),
        r"f\.h5, 3\.jpg: features must hold floats",
    ),
    Row(
        "h5: features compound",
        hdf5(replaced("features", np.zeros((3,), "f4,i4"))),
        r"f\.h5, 3\.jpg/features must hold numbers",
    ),
    Row(
        "h5: boxes of texts",
        hdf5(replaced("boxes", ["a", "b"])),
        r"f\.h5, 3\.jpg/boxes must hold numbers",
    ),
    Row(
        "h5: boxes 1-D",
        hdf5(replaced("boxes", BOXES[0])),
        r"f\.h5, 3\.jpg: boxes must hold numbers of shape \(regions, 4\)",
    ),
    Row(
        "h5: features empty dataspace",
        hdf5(replaced("features", h5py.Empty("f4"))),
        r"f\.h5, 3\.jpg/features must hold numbers",
    ),
    Row(
        "h5: num_boxes 99 of 3",
        arrays(lambda fields: {"num_boxes": np.array([3, 3, 3, 99, 3])}),
        r"row 3 of its boxes has 3 rows; the file declares 99 regions",
    ),
    Row(
        "h5: num_boxes fewer",
        arrays(lambda fields: {"num_boxes": np.array([3, 3])}),
        r"num_boxes has 2 numbers of 5 images",
    ),
    Row(
        "h5: num_boxes 2 of 3 that are no padding",
        arrays(lambda fields: {"num_boxes": np.array([3, 2, 3, 3, 3])}),
        r"has regions behind the 2 that the file declares",
    ),
    Row(
        "h5: num_boxes half a region",
        arrays(lambda fields: {"num_boxes": np.array([3, 2.5, 3, 3, 3])}),
        r"num_boxes must hold whole numbers",
    ),
    Row(
        "h5: num_boxes of a group 99 of 3",
        hdf5(lambda file: file["3.jpg"].create_dataset("num_boxes", data=99)),
        r"3\.jpg: boxes has 3 rows; the file declares 99 regions",
    ),
    Row(
        "h5: boxes of fewer images",
        arrays(lambda fields: {"spatial_features": fields["spatial_features"][:4]}),
        r"spatial_features \(4, 3, 4\) does not fit the features \(5, 3, 6\)",
    ),
    Row(
        "h5: pos_boxes beyond",
        ranges([[0, 3], [3, 6], [6, 9], [9, 12], [12, 99]]),
        r"pos_boxes gives image 4 the rows \[12, 99\] of 15",
    ),
    Row(
        "h5: pos_boxes negative",
        ranges([[-3, 3], [3, 6], [6, 9], [9, 12], [12, 15]]),
        r"pos_boxes gives image 0 the rows \[-3, 3\] of 15",
    ),
    Row(
        "h5: pos_boxes gives a row to two",
        ranges([[0, 3], [3, 7], [6, 9], [9, 12], [12, 15]]),
        r"pos_boxes gives rows to two images: \[3, 7\] and \[6, 9\]",
    ),
    Row(
        "h5: external link to nothing",
        hdf5(replaced("features", h5py.ExternalLink("gone.h5", "/x"))),
        r"f\.h5, 3\.jpg/features is a link into another file",
    ),
    Row(
        "h5: soft link to itself",
        hdf5(replaced("features", h5py.SoftLink("/3.jpg/features"))),
        r"f\.h5, 3\.jpg/features cannot be read: .*too many links",
    ),
    Row(
        "h5: soft link to nothing",
        hdf5(replaced("boxes", h5py.SoftLink("/gone"))),
        r"f\.h5, 3\.jpg/boxes cannot be read",
    ),
    Row(
        "h5: 240 GB of fill value",
        hdf5(filled),
        r"0\.jpg/features claims 240,000,000,000 bytes that were never written",
        apart=True,
    ),
    Row("h5: a part never written", hdf5(half_written), r"3\.jpg/features claims 72 b"),
    Row(
        "lmdb: truncated",
        database(truncated),
        r"db is truncated or no LMDB \(it has [\d,]+ of [\d,]+ bytes\)",
    ),
    Row(
        "lmdb: pages overwritten",
        database(overwritten(0xAB)),
        r"db is truncated or no LMDB",
    ),
    Row(
        "lmdb: pages of zeros", database(overwritten(0)), r"db is truncated or no LMDB"
    ),
    Row("lmdb: pages of ones", database(overwritten(0xFF)), r"db is trunc.* no LMDB"),
    Row("lmdb: an empty file", database(emptied), r"db is truncated or no LMDB"),
    Row(
        "lmdb: npz of method 97",
        database(**{"3.npz": patched(npz(norm_bb=BOXES / SIZE), 8, 10, 97)}),
        r"db, key '3\.npz' is packed by method 97",
    ),
    Row(
        "lmdb: npz encrypted",
        database(**{"3.npz": patched(npz(norm_bb=BOXES / SIZE), 6, 8, 1)}),
        r"db, key '3\.npz' is encrypted",
    ),
    Row(
        "lmdb: features 0-D",
        database(**{"3.npz": npz(features=np.float32(1), norm_bb=BOXES / SIZE)}),
        r"key '3\.npz': features must hold floats",
    ),
    Row(
        "lmdb: boxes 0-D",
        database(**{"3.npz": npz(features=FEATURES, norm_bb=np.float32(1))}),
        r"key '3\.npz': norm_bb must hold numbers",
    ),
    Row(
        "lmdb: num_boxes 99 of 3",
        database(
            **{"3.npz": npz(features=FEATURES, norm_bb=BOXES / SIZE, num_boxes=99)}
        ),
        r"key '3\.npz': norm_bb has 3 rows; the file declares 99 regions",
    ),
    Row(
        "lmdb: __len__ of others",
        database(__len__=b"7"),
        r"db, __len__ says 7 images; there are 5",
    ),
    Row(
        "lmdb: __keys__ of others",
        database(__keys__=b'["0.npz", "9.npz"]'),
        r"db, __keys__ and the images there are differ in 5, such as '1\.npz'",
    ),
    Row("progress.json: {}", progress("{}"), r"progress\.json: plan is missing"),
    Row("progress.json: a list", progress("[]"), r"progress\.json should be"),
    Row(
        "progress.json: plan null",
        progress('{"plan": null, "images_done": 0}'),
        r"progress\.json: plan should be a valid dictionary",
    ),
    Row(
        "progress.json: images_done a text",
        progress(PLAN + '"3"}'),
        r"progress\.json: images_done should be a valid integer",
    ),
    Row(
        "progress.json: images_done negative",
        progress(PLAN + "-3}"),
        r"progress\.json: images_done should be greater than or equal to 0",
    ),
    Row("progress.json: cut", progress(PLAN), r"progress\.json is not JSON"),
    Row(
        "progress.json: another plan",
        progress(PLAN + "3}"),
        r"unfinished pack of something else: .*'source'.* differ",
    ),
    Row(
        "--split: a path",
        lambda folder: [*original(lambda *p: None)(folder), "--split", "../x"],
        r"--split: '\.\./x' is no name of a split",
    ),
]


@parametrize(PACK)
def test_a_hostile_pack_is_refused_in_one_line(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


def photos(*more):
    def build(folder):
        (folder / "pics").mkdir()
        for k in range(12):
            shade = np.full((20, 20, 3), k * 20, np.uint8)
            shade[: k + 1] = 255 - k * 20
            Image.fromarray(shade).save(folder / "pics" / f"{k}.png")
        lines = "".join(f"{k}.png,picture {k}\n" for k in range(12))
        (folder / "c.csv").write_text("image,caption\n" + lines)
        given = ["--captions", folder / "c.csv", "--out", folder / "out"]
        return ["data", "prepare", folder / "pics", *given, *more]

    return build


PREPARE = [
    Row("--threads 0", photos("--threads", 0), "threads must be .* received 0"),
    Row("--threads -1", photos("--threads=-1"), "threads must be .* received -1"),
    Row("--threads 10^9", photos("--threads", 10**9), "from 1 to 1,024; received 100"),
    Row("--val nan", photos("--val", "nan"), "'nan' is neither a fraction"),
    Row("--val -0.1", photos("--val=-0.1"), "'-0.1' is neither a fraction"),
    Row("--val 1e400", photos("--val", "1e400"), "'1e400' is neither a fraction"),
    Row("--test of 5,000 digits", photos("--test", "9" * 5000), "is neither a fract"),
    Row("--test 500 of 12", photos("--test", 500), "none is left for train"),
]


@parametrize(PREPARE)
def test_a_hostile_number_of_prepare_is_refused(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
