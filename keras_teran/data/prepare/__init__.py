"""A folder of photos and captions to a data set with splits."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_prepare": "PREPARED_FILE REPORT_FILE captions_file prepare",
    },
)
