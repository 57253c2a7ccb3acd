"""What the hostile feature files have in common: captions, good arrays, odd archives."""

import io
import json
import struct
import zipfile

import numpy as np

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


def npz(**fields):
    file = io.BytesIO()
    np.savez_compressed(file, **fields)
    return file.getvalue()


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
