"""The captions of one image together, so that a batch encodes each image once."""

import numpy as np


def caption_groups(caption_to_image, size, generator=None):
    """Groups of captions of one image each, as many as hold every caption.

    Where the captions of an image do not fill its last group, its first ones stand in
    it once more.

    Args:
        caption_to_image: int (captions,), the image of each.
        size: int, captions a group.
        generator: `numpy.random.Generator` that shuffles captions and groups; None for
            the order of images and captions as they are.

    Returns:
        int64 (groups, size): positions in `caption_to_image`.

    Example:
        >>> caption_groups(np.array([0, 0, 0, 1]), 2).tolist()
        [[0, 1], [2, 0], [3, 3]]
    """
    captions = np.arange(len(caption_to_image))
    if generator is not None:
        generator.shuffle(captions)
    images = caption_to_image[captions]
    captions = captions[np.argsort(images, kind="stable")]
    ends = np.cumsum(np.unique(images, return_counts=True)[1])
    groups = np.concatenate(
        [
            np.resize(members, (-(-len(members) // size), size))
            for members in np.split(captions, ends[:-1])
        ]
    )
    if generator is not None:
        generator.shuffle(groups)
    return groups


def check_groups(batch_size, captions_per_image, bucket_batches):
    """Raises ValueError unless batches can hold whole groups of captions.

    Args:
        batch_size, captions_per_image, bucket_batches: int, as `PairBatches` takes them.
    """
    if batch_size % captions_per_image:
        raise ValueError(
            f"captions_per_image={captions_per_image} must divide "
            f"batch_size={batch_size}, which counts captions."
        )
    if captions_per_image > 1 and bucket_batches > 1:
        raise ValueError(
            f"captions_per_image={captions_per_image} does not go with "
            f"bucket_batches={bucket_batches}; leave one at 1."
        )
