"""Keras layers of both encoders."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_global_fusion": (
            "ContextVector InContext check_context members_alone whole_vector "
        ),
        "_pooling_head": "PoolingHead",
        "_transformer": (
            "BertEmbedding BoxFusion TransformerBlock bert_initializer "
            "linear_initializer prepend_slot unit_rows word_positions "
        ),
    },
)
