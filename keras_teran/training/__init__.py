"""Training and distillation into a RUN folder, by a configuration."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_config": "TrainingConfig read_config",
        "_distill": "distill",
        "_distill_head": "pooled_vectors rebuilt",
        "_encoded_pairs": "EncodedPairs",
        "_recipe": "batch_settings optimizer pooled_loss ranking_loss",
        "_train": "RunKeeper begin_run finish_run tokenizer_for train",
    },
)
