"""Pictures: decoding, fitting, areas of a feature map, KerasHub's backbones."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_areas": "cell_boxes check_count grid_boxes pool",
        "_boxes": "box_fault corners_fault iou",
        "_decode": "BadImage MOST_THREADS SUFFIXES decode",
        "_fitting": "MOST_SIDE PADDING fit",
        "_hub": (
            "hash_weights input_size linear_preparation load_backbone load_detector "
            "preparation "
        ),
        "_model_inputs": "encoder_inputs fit_picture model_inputs",
        "_patches": "as_maps output_of patches_of",
    },
)
