"""Any common image format to RGB pixels, or one line that says why not."""

import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np

# Pillow's own limit, from which on it warns: 268 MB of RGB.
MOST_PIXELS = 89_478_485

# At most so many decode at once.
MOST_THREADS = 1024
# What Pillow decodes by itself. Others it can open run another program (EPS:
# Ghostscript), which no picture from anywhere should be able to start. The phones' MPO
# (a JPEG with more pictures behind it) is opened as JPEG.
FORMATS = (
    *("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TGA"),
    *("TIFF", "WEBP"),
)
SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".ico", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2"),
        *(".j2k", ".mpo", ".png", ".apng", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
        *(".tif", ".tiff", ".webp"),
    )
)
# Pictures of more pixels than this are decoded one at a time, whatever the threads.
_LARGE = 2**24
_ONE_AT_A_TIME = threading.Lock()
_BACKGROUND = (255, 255, 255)


class BadImage(ValueError):
    """A picture that cannot be used; its text is one line that names file and fault."""


def decode(path, needed=None):
    """Decodes a picture as a person sees it.

    Turned as its EXIF says. Of an animation the first frame; what is transparent shows
    white; grey, palette, CMYK and YCbCr become RGB by the usual formulas, colour
    profiles aside; 16 bits are scaled to 8. Size and format are checked on the header,
    before anything is decoded.

    Args:
        path: the file, of one of `FORMATS`; its content tells which, not its name.
        needed: int, pixels a side that will do: a JPEG of at least four times as many comes
            out at a half, a quarter or an eighth (of twice `needed` at least), which
            costs a fraction of the time and memory. None: as it is.

    Returns:
        uint8, (height, width, 3), RGB.

    Raises:
        BadImage: if it is missing, empty, truncated, damaged, of another format or of
            more than `MOST_PIXELS`, or holds floating-point or 32-bit pixels, whose
            range is not known.
    """
    path = Path(path)
    if not path.is_file():
        raise BadImage(f"{path} is missing")
    if not path.stat().st_size:
        raise BadImage(f"{path} is empty: 0 bytes")
    return _or_bad(lambda: _decode(path, needed), path)


def pixels_of(image, name="the picture"):
    """Pixels of a Pillow image, made RGB as `decode` makes those of a file.

    Args:
        image: `PIL.Image.Image`; its first, or current, frame is taken.
        name: str, what errors call it.

    Returns:
        uint8, (height, width, 3), RGB.

    Raises:
        BadImage: if it is too large, of pixels without a known range, or of a file
            that turns out to be damaged.
    """
    _refuse_size(*image.size, name)

    def decoded():
        # One image may stand twice in a list, and Pillow's are for one thread.
        with _ONE_AT_A_TIME:
            image.load()
        return _as_seen(image, name)

    return _or_bad(decoded, name)


def _or_bad(decoding, name):
    try:
        return decoding()
    except BadImage:
        raise
    # Decoders fail on damaged files with errors of any kind: struct, zlib, EOFError ...
    except Exception as error:
        fault = " ".join(str(error).split()) or type(error).__name__
        raise BadImage(f"{name} cannot be decoded: {fault}") from error


def _decode(path, needed):
    from PIL import Image, UnidentifiedImageError

    try:
        opened = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise BadImage(
            f"{path} is no picture of a known format ({', '.join(FORMATS)})"
        ) from error
    except Image.DecompressionBombError as error:
        raise BadImage(
            f"{path} is too large: over {MOST_PIXELS:,} pixels; shrink it"
        ) from error
    with opened as image:
        _refuse_size(*image.size, path)
        if needed:
            # Does nothing to formats that cannot be decoded at a fraction.
            image.draft(None, (2 * needed, 2 * needed))
        large = image.size[0] * image.size[1] > _LARGE
        with _ONE_AT_A_TIME if large else nullcontext():
            return _as_seen(image, path)


def _refuse_size(width, height, name):
    if width * height > MOST_PIXELS:
        raise BadImage(
            f"{name} is too large: {width} × {height} is over {MOST_PIXELS:,} pixels; "
            "shrink it"
        )


def _as_seen(image, name):
    from PIL import ImageOps

    image.load()
    return np.array(_to_rgb(ImageOps.exif_transpose(image), name))


def _to_rgb(image, name):
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _to_eight_bits(image, name)
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    background = Image.new("RGBA", image.size, (*_BACKGROUND, 255))
    return Image.alpha_composite(background, image).convert("RGB")


def _to_eight_bits(image, name):
    """Pillow's own conversion cuts at 255, which makes most of a 16-bit picture white."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise BadImage(
            f"{name} has {values.dtype} pixels from {values.min():.6g} to "
            f"{values.max():.6g}, whose range is not known; save it with 8 or 16 bits"
        )
    # 65535 = 257 × 255.
    return Image.fromarray(np.round(values / 257).astype(np.uint8))
