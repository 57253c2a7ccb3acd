"""`Teran`, its two encoders, presets and gradient caching."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_bert": "vocabulary_of",
        "_caption_input": "check_sentence",
        "_image_input": "image_for images_for",
        "_input_arrays": "number_array",
        "_model_file": "least_weights load_model",
        "_pixel_encoder": "read_backbone",
        "_presets": "PRESETS RECIPES",
        "_schemas": (
            "Choices Count ImageSize Positions Positive Recipe Seed Text "
            "check_pictures check_recipe given_fields known_keys partial_schema "
        ),
        "_teran": "Teran build_model",
    },
)
