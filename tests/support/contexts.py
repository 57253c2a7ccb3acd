"""Models with a context whose weights do something."""

from support.oracle_encoders import drawn_weights, set_weights

# Members of 8 numbers, and 4 of the whole, which counts as 3 words.
CONTEXT = {"context_dim": 4, "context_words": 3.0}


def contexts_of(model):
    """The layers of the two context vectors of a model."""
    return [
        model.image_encoder.get_layer("image_context"),
        model.caption_encoder.get_layer("caption_context"),
    ]


def with_drawn_contexts(model):
    """The model, with drawn weights in both."""
    for layer in contexts_of(model):
        set_weights(layer.weights, drawn_weights(layer.weights))
    return model
