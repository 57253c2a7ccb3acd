"""Pictures as they are met: of every mode and kind, and such that cannot be used."""

import json
import struct
import zlib

import numpy as np
from PIL import Image

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
GREYS = np.array([0, 85, 170, 255])
SIDE = 32


def quarters(values):
    """Four values as the quarters of a square, row by row from the upper left."""
    grid = np.asarray(values).reshape(2, 2, *np.shape(values)[1:])
    return grid.repeat(SIDE // 2, 0).repeat(SIDE // 2, 1)


def _bomb():
    """A PNG of 20,000 pixels a side, by its header; it holds nothing."""
    size = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", size), (b"IDAT", b"")):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    return content


def write_good(folder):
    """Writes them; a dict of names to the colours of their quarters, uint8 (4, 3)."""
    picture = Image.fromarray(quarters(COLOURS).astype(np.uint8))
    picture.save(folder / "plain.png")
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=100)
    palette = picture.convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(folder / "palette.png")
    deep = quarters(GREYS * 257).astype(np.uint16)
    Image.fromarray(deep).save(folder / "sixteen.png")
    turned = Image.fromarray(np.rot90(np.array(picture)).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise to be seen upright
    turned.save(folder / "turned.png", exif=exif)
    frames = [Image.new("RGB", (SIDE, SIDE), "black")] * 2
    palette.save(folder / "moves.gif", save_all=True, append_images=frames)
    expected = dict.fromkeys(("plain", "cmyk", "palette", "turned", "moves"), COLOURS)
    expected["sixteen"] = GREYS[:, None].repeat(3, 1)
    return {p.name: expected[p.stem] for p in sorted(folder.iterdir())}


def write_bad(folder):
    """Writes them; a dict of names to what is to be said of each."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(noise).save(folder / "whole.jpg")
    content = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(content[: len(content) // 2])
    (folder / "whole.jpg").unlink()
    Image.fromarray(noise).save(folder / "corrupt.png")
    content = bytearray((folder / "corrupt.png").read_bytes())
    start = content.index(b"IDAT") + 4
    content[start : start + 8] = b"\xff" * 8
    (folder / "corrupt.png").write_bytes(content)
    (folder / "empty.png").write_bytes(b"")
    (folder / "bomb.png").write_bytes(_bomb())
    (folder / "letter.png").write_bytes(b"a letter, not a picture")
    return {
        "truncated.jpg": "cannot be decoded: ",
        "corrupt.png": "cannot be decoded: ",
        "empty.png": "is empty: 0 bytes",
        "bomb.png": "is too large: over 89,478,485 pixels",
        "letter.png": "is no picture of a known format",
        "gone.png": "is missing",
    }


def write_captions(path, names, ids=None, encoding="utf-8"):
    """A Karpathy file, a caption a picture: one of val, one of test, the rest train."""
    images = [
        {
            "filename": name,
            "split": ("val", "test", "train")[min(row, 2)],
            "imgid": row if ids is None else ids[row],
            "sentences": [{"raw": f"a red café, number {row}", "sentid": row}],
        }
        for row, name in enumerate(names)
    ]
    text = json.dumps({"images": images}, ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    return path
