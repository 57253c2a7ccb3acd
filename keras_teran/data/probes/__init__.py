"""Captions beside others that are wrong of the same image, and how they are made."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_additions": "ADDITIONS make_half_truths",
        "_items": "ProbeItem ProbeSet",
        "_probe_images": "find_images open_images",
        "_shuffles": "SHUFFLES make_order",
        "_word_classes": "WordClasses",
    },
)
