"""The published retrieval protocols: which images and captions, in which folds."""

from dataclasses import dataclass

import numpy as np

CAPTIONS_PER_IMAGE = 5


@dataclass(frozen=True)
class Protocol:
    """A published way of measuring retrieval.

    Attributes:
        name: str.
        images: int, how many there must be; `folds` divides it.
        folds: int. Folds are consecutive images of the file; a fold's images are
            searched by its own captions only, and figures are the mean over folds.
        or_more: bool, whether a larger set is taken too, whole.

    Example:
        >>> Protocol("mine", images=6, folds=3).slices(6)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """

    name: str
    images: int
    folds: int = 1
    or_more: bool = False

    def select(self, captions):
        """The first five captions of each image, grouped by image.

        Args:
            captions: `CaptionSet` in the order of the caption file.

        Returns:
            `CaptionSet`: caption `5 * i + k` is the one numbered k of image i.

        Raises:
            ValueError: another number of images, or an image with fewer captions.
        """
        images = len(captions.image_ids)
        if images < self.images or (images > self.images and not self.or_more):
            raise ValueError(
                f"protocol {self.name} is defined on {self.images} images, the split "
                f"has {images}: give the whole split of the Karpathy file, or leave "
                "--protocol out."
            )
        counts = np.bincount(captions.caption_to_image, minlength=images)
        if counts.min() < CAPTIONS_PER_IMAGE:
            row = int(counts.argmin())
            raise ValueError(
                f"protocol {self.name} scores five captions of each image, but image "
                f"{captions.image_ids[row]} has {counts[row]}: complete the caption "
                "file, or leave --protocol out."
            )
        first = captions.first_captions(CAPTIONS_PER_IMAGE)
        return first.select_images(np.arange(images))

    def slices(self, images):
        """The folds, as slices of that many images."""
        size = images // self.folds
        return [slice(size * fold, size * (fold + 1)) for fold in range(self.folds)]

    def describe(self, images):
        """In words, for the head of a table."""
        if self.folds == 1:
            return f"{self.name}: all {images:,} images, five captions each"
        return (
            f"{self.name}: mean over {self.folds} folds of {images // self.folds:,} "
            "images, five captions each"
        )


# COCO's val and test have 5,000 images each. Flickr30k's test and both splits of
# Flickr8k have 1,000; Flickr30k's val has 1,014.
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("coco-1k", images=5000, folds=5),
        Protocol("coco-5k", images=5000),
        Protocol("f30k", images=1000, or_more=True),
        Protocol("f8k", images=1000, or_more=True),
    )
}


def captions_of(images):
    """The slice of captions that belongs to a slice of images, five each.

    >>> captions_of(slice(2, 4))
    slice(10, 20, None)
    """
    return slice(CAPTIONS_PER_IMAGE * images.start, CAPTIONS_PER_IMAGE * images.stop)


def find_protocol(name):
    """The protocol of a name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"protocol={name!r}: give one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
