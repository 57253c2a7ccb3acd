"""Pictures of any size into the one size that a model takes, and boxes back."""

from dataclasses import dataclass

import numpy as np

PADDING = 128
# Pixels a side of a model's input: one picture is then 50 MB in float32.
MOST_SIDE = 2048


@dataclass(frozen=True)
class Fitted:
    """A picture as a model takes it.

    Attributes:
        pixels: uint8, (height, width, 3), RGB.
        content: float32, (4,): where in it the picture lies, x0, y0, x1, y1 divided by
            width and height; the rest is padding.
    """

    pixels: np.ndarray
    content: np.ndarray

    def to_input(self, boxes):
        """Boxes relative to the picture, as boxes relative to the model's input.

        Args:
            boxes: float32, (..., 4): x0, y0, x1, y1.

        Returns:
            float32, (..., 4).
        """
        start, extent = self._start_and_extent()
        return boxes * extent + start

    def to_picture(self, boxes):
        """The way back, cut to the picture: a box in the padding gets no area.

        Args:
            boxes: float32, (..., 4): x0, y0, x1, y1 divided by the input's sides.

        Returns:
            float32, (..., 4), in 0..1.
        """
        start, extent = self._start_and_extent()
        return np.clip((boxes - start) / extent, 0, 1).astype(np.float32)

    def _start_and_extent(self):
        start = np.tile(self.content[:2], 2)
        return start, np.tile(self.content[2:] - self.content[:2], 2)


def fit(pixels, height, width):
    """Scales a picture to fit, its aspect ratio kept, and pads it with grey.

    The picture lies in the upper left corner, so that no cell of a model's grid is
    padded on both sides. Bicubic, with an antialiasing filter (Pillow's).

    Args:
        pixels: uint8, (h, w, 3).
        height: int, pixels.
        width: int, pixels.

    Returns:
        A `Fitted`.

    Example:
        >>> wide = fit(np.zeros((100, 400, 3), np.uint8), 224, 224)
        >>> wide.pixels.shape, wide.content.tolist()
        ((224, 224, 3), [0.0, 0.0, 1.0, 0.25])
        >>> wide.to_input(np.array([0, 0, 1, 1], np.float32)).tolist()
        [0.0, 0.0, 1.0, 0.25]
    """
    from PIL import Image

    high, wide = pixels.shape[:2]
    scale = min(height / high, width / wide)
    # A line of pixels stays at least one pixel thick.
    inner = max(1, round(high * scale)), max(1, round(wide * scale))
    image = Image.fromarray(pixels).resize(inner[::-1], Image.Resampling.BICUBIC)
    fitted = np.full((height, width, 3), PADDING, np.uint8)
    fitted[: inner[0], : inner[1]] = image
    content = np.array([0, 0, inner[1] / width, inner[0] / height], np.float32)
    return Fitted(fitted, content)
