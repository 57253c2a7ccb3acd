"""`pack` of HDF5 and LMDB files: hostile input, one line each.

Adding a case is adding a `Row`.
"""

import numpy as np
import pytest
from support.hostile_features import (
    BOXES,
    DIM,
    FEATURES,
    IMAGES,
    REGIONS,
    SIZE,
    asked,
    npz,
    patched,
    write_captions,
)
from support.hostile_rows import Row, check_row, parametrize

h5py = pytest.importorskip("h5py")
lmdb = pytest.importorskip("lmdb")

METHOD_97 = patched(npz(norm_bb=BOXES / SIZE), 8, 10, 97)


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


FILES = [
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
        database(**{"3.npz": METHOD_97}),
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
]


@pytest.mark.seconds
@parametrize(FILES)
def test_a_hostile_feature_file_is_refused_in_one_line(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
