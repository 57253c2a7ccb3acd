"""Requests that TF Serving replays before it calls a version available."""

import numpy as np

PATH = "assets.extra/tf_serving_warmup_requests"


def write_warmup(folder, model, interface):
    """Writes one request for each fixed length into a SavedModel's folder.

    Args:
        folder: Path of the version, with its `saved_model.pb`.
        model: str, its name.
        interface: `Interface`; its buckets are the lengths.
    """
    import tensorflow as tf

    path = folder / PATH
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for inputs in warmup_inputs(model, interface):
            writer.write(_record(model, inputs).SerializeToString())


def warmup_inputs(model, interface):
    """One batch of a single row for each length: a list of dicts of NumPy arrays."""
    draw = np.random.default_rng(0)
    dim = interface.embedding_dim

    def numbers(*shape):
        return draw.random(shape, "float32")

    if model == "caption_encoder":
        return [
            {
                "token_ids": np.zeros((1, n), "int32"),
                "padding_mask": np.ones((1, n), bool),
            }
            for n in interface.token_buckets
        ]
    if model == "image_encoder" and interface.image_size:
        return [
            {"images": draw.integers(0, 256, (1, *interface.image_size, 3), "uint8")}
        ]
    if model == "image_encoder":
        return [
            {
                "regions": numbers(1, n, interface.region_dim),
                "boxes": np.tile(np.float32([0, 0, 1, 1]), (1, n, 1)),
                "region_mask": np.ones((1, n), bool),
            }
            for n in interface.region_buckets
        ]
    return [
        {"region_embeddings": numbers(1, r, dim), "word_embeddings": numbers(1, w, dim)}
        for r in interface.region_buckets
        for w in interface.token_buckets
    ]


def _record(model, inputs):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log
