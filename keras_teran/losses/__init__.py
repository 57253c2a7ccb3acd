"""What is minimized, over a batch's scores."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_losses": (
            "Contrastive Distillation Hinge PooledLoss checked_loss "
            "first_is_positive negative_pairs rows_of_captions "
        ),
    },
)
