"""An HTML report of a training."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_report": "Report write_report",
    },
)
