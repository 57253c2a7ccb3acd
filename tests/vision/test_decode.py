"""Any common image format, and what cannot be decoded is named in one line."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_teran.vision._decode import FORMATS, MOST_PIXELS, BadImage, decode

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def quarters(height=48, width=96):
    """Red, green over blue, white: each corner tells where it is."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = 255
    return pixels


def corners(pixels):
    return [pixels[y, x].tolist() for y, x in ((2, 2), (2, -3), (-3, 2), (-3, -3))]


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        ("png", {}, 0),
        ("bmp", {}, 0),
        ("tiff", {"compression": "tiff_lzw"}, 0),
        ("ppm", {}, 0),
        ("tga", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("jp2", {"irreversible": False}, 0),
        ("gif", {}, 0),
        ("jpg", {"quality": 95}, 6),
        ("avif", {"quality": 95}, 6),
    ],
)
def test_every_common_format_gives_the_pixels(tmp_path, suffix, options, tolerance):
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(quarters()).save(path, **options)
    pixels = decode(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (48, 96, 3)
    expected = [[*RED], [*GREEN], [*BLUE], [255] * 3]
    assert np.abs(np.subtract(corners(pixels), expected)).max() <= tolerance


def test_the_content_tells_the_format_and_not_the_name(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(quarters()).save(path, format="PNG")
    assert (decode(path) == quarters()).all()


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(quarters(800, 1600)).save(path, quality=95)
    # an eighth of 800 is 100, twice the 50 needed; a quarter, 200, twice the 60 or 100
    for needed, height in ((50, 100), (60, 200), (100, 200), (400, 800), (900, 800)):
        pixels = decode(path, needed)
        assert pixels.shape == (height, 2 * height, 3), needed
        assert np.abs(np.subtract(corners(pixels)[0], RED)).max() <= 6
    Image.fromarray(quarters(800, 1600)).save(tmp_path / "large.png")
    assert decode(tmp_path / "large.png", 50).shape == (800, 1600, 3)


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_turns_the_picture_upright(tmp_path, turn):
    """What a camera held that way would store, and say so, comes out upright."""
    stored = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }[turn](quarters())
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert (decode(path) == quarters()).all()


def test_cmyk_becomes_rgb(tmp_path):
    path = tmp_path / "print.jpg"
    Image.fromarray(quarters()).convert("CMYK").save(path, quality=95)
    assert Image.open(path).mode == "CMYK"
    expected = [[*RED], [*GREEN], [*BLUE], [255] * 3]
    assert np.abs(np.subtract(corners(decode(path)), expected)).max() <= 8


def test_palette_grey_and_one_bit_become_rgb(tmp_path):
    for mode, expected in (("P", RED), ("L", (76, 76, 76)), ("1", (0, 0, 0))):
        path = tmp_path / f"{mode}.png"
        image = Image.new("RGB", (8, 8), RED)
        palette = {"palette": Image.Palette.ADAPTIVE} if mode == "P" else {"dither": 0}
        image.convert(mode, **palette).save(path)
        assert Image.open(path).mode == mode
        # 0.299 · 255 = 76; below 128 it is black in one bit
        assert (decode(path) == expected).all(), mode


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_sixteen_bits_are_scaled_and_not_cut(tmp_path, suffix):
    path = tmp_path / f"deep.{suffix}"
    values = np.array([[0, 257, 128 * 257, 65535]] * 4, np.uint16)
    Image.fromarray(values).save(path)
    assert decode(path)[0].tolist() == [[v] * 3 for v in (0, 1, 128, 255)]


def test_what_is_transparent_shows_white(tmp_path):
    pixels = np.zeros((4, 3, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, 1, 3], pixels[:, 2, 3] = 51, 255
    Image.fromarray(pixels).save(tmp_path / "rgba.png")
    # a fifth of (200, 0, 0) over four fifths of white: 244, 204, 204
    assert decode(tmp_path / "rgba.png")[0].tolist() == [
        [255, 255, 255],
        [244, 204, 204],
        [200, 0, 0],
    ]
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.save(tmp_path / "palette.png", transparency=1)
    assert (decode(tmp_path / "palette.png") == 255).all()


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, suffix):
    path = tmp_path / f"moves.{suffix}"
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    exact = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **exact)
    assert Image.open(path).n_frames == 3
    assert (decode(path) == RED).all()


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(
        ">I", zlib.crc32(checked)
    )  # fmt: skip


def png_header(width, height):
    """A PNG that says how large it is, and holds nothing."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"")


def fault(tmp_path, content, name="bad.jpg"):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadImage) as raised:
        decode(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path} ")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_by_its_size_before_it_is_decoded(tmp_path):
    """There is nothing to decode in them: only the header can have been read."""
    found = fault(tmp_path, png_header(20_000, 20_000))
    assert found == f"is too large: over {MOST_PIXELS:,} pixels; shrink it"
    found = fault(tmp_path, png_header(20_000, 5_000))
    assert found == (
        f"is too large: 20000 × 5000 is over {MOST_PIXELS:,} pixels; shrink it"
    )


def test_an_empty_a_missing_and_a_foreign_file_are_named(tmp_path):
    assert fault(tmp_path, b"") == "is empty: 0 bytes"
    foreign = fault(tmp_path, b"a letter, not a picture")
    assert foreign == f"is no picture of a known format ({', '.join(FORMATS)})"
    with pytest.raises(BadImage, match="gone.png is missing"):
        decode(tmp_path / "gone.png")
    with pytest.raises(BadImage, match="is missing"):
        decode(tmp_path)


def test_a_truncated_picture_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for suffix in ("jpg", "png", "bmp", "tiff", "webp", "gif"):
        whole = tmp_path / f"whole.{suffix}"
        Image.fromarray(noise).save(whole)
        content = whole.read_bytes()
        found = fault(tmp_path, content[: len(content) // 2], f"half.{suffix}")
        assert found.startswith("cannot be decoded: ") or "no picture" in found


def test_a_damaged_picture_is_named(tmp_path):
    whole = tmp_path / "whole.png"
    Image.fromarray(quarters()).save(whole)
    content = bytearray(whole.read_bytes())
    middle = content.index(b"IDAT") + 4
    content[middle : middle + 8] = b"\xff" * 8
    assert fault(tmp_path, bytes(content)).startswith("cannot be decoded: ")


def test_pixels_of_an_unknown_range_are_named(tmp_path):
    values = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
    Image.fromarray(values).save(tmp_path / "floats.tiff")
    with pytest.raises(BadImage, match="float32 pixels from -1 to 1, whose range"):
        decode(tmp_path / "floats.tiff")


def test_a_format_that_would_start_another_program_is_not_opened(tmp_path):
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
    assert "is no picture of a known format" in fault(tmp_path, postscript, "a.eps")
