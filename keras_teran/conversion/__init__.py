"""Checkpoints of the authors' PyTorch code (mesnico/TERAN) as our models, and back."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_from_checkpoint": "export_original from_checkpoint from_original",
        "_to_run": "convert",
    },
)
