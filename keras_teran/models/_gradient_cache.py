"""Gradient caching: training steps on batches whose activations memory cannot hold.

Both sides are encoded in chunks without keeping activations; the loss of the whole
batch gives the gradient of the embeddings; each chunk is then encoded once more, with
its activations, and its share of that gradient goes back through the encoder (Gao et
al. 2021, arXiv 2101.06983). The gradients are those of the whole batch, for one more
forward pass. The second encoding drops what the first one dropped: the random states
are set back in between.
"""

import keras

from keras_teran.backend import packing
from keras_teran.layers import members_alone


def train_step(model, data, chunk):
    """One step of the optimiser on a batch of pairs.

    Args:
        model: `Teran`, compiled.
        data: (inputs, image_ids) as `Teran` takes for training.
        chunk: int, images, or captions, encoded at a time.

    Returns:
        Dict of the model's metrics.

    Raises:
        NotImplementedError: on a backend other than TensorFlow and PyTorch.
    """
    backend = keras.backend.backend()
    if backend not in _GRADIENTS:
        raise NotImplementedError(
            f"encode_chunk={chunk} is not supported on the {backend} backend; use "
            f"{' or '.join(_GRADIENTS)}, or leave encode_chunk None."
        )
    inputs, image_ids, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    wanted = 2 if model.pooled_loss else 1
    sides = [
        (encoder, {name: inputs[name] for name in encoder.input}, outputs[:wanted])
        for encoder, outputs in (
            (model.image_encoder, ("region_embeddings", "image_embedding")),
            (model.caption_encoder, ("word_embeddings", "caption_embedding")),
        )
    ]

    def score(embeddings):
        if model.pooled_loss:
            model._pooled.both = [both[:, -1] for both in embeddings]
            embeddings = [both[:, :-1] for both in embeddings]
        similarity = model.similarity(*members_alone(model.config, *embeddings))
        loss = model.compute_loss(inputs, image_ids, similarity, sample_weight)
        rows = keras.ops.shape(image_ids)[0]
        # Keras offers the loss tracker to no one; `backend/_replicas.py` uses it too.
        model._loss_tracker.update_state(loss, sample_weight=rows)
        return similarity, model.optimizer.scale_loss(loss)

    with packing(not model.jit_compile):
        similarity, gradients = _GRADIENTS[backend](model, sides, score, chunk)
    model.optimizer.apply(gradients, model.trainable_weights)
    return model.compute_metrics(inputs, image_ids, similarity)


def _tensorflow_gradients(model, sides, score, chunk):
    import tensorflow as tf

    states = _random_states(sides)
    before = [tf.identity(state.value) for state in states]
    embeddings = [_tensorflow_embeddings(*side, chunk) for side in sides]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(embeddings)
        similarity, loss = score(embeddings)
    cached = tape.gradient(loss, embeddings)
    for state, value in zip(states, before, strict=True):
        state.assign(value)
    totals = {id(weight): None for weight in model.trainable_weights}
    for side, gradient in zip(sides, cached, strict=True):
        weights = side[0].trainable_weights
        sums = _tensorflow_backward(*side, gradient, weights, chunk)
        for weight, value in zip(weights, sums, strict=True):
            # Layers that both encoders share get a gradient from each.
            sofar = totals[id(weight)]
            totals[id(weight)] = value if sofar is None else sofar + value
    return similarity, list(totals.values())


def _embeddings(encoder, inputs, outputs):
    """Of a chunk: what is scored, the pooled vector as one more member where asked for."""
    encoded = encoder(inputs, training=True)
    members, *pooled = (encoded[name] for name in outputs)
    if not pooled:
        return members
    return keras.ops.concatenate([members, pooled[0][:, None]], axis=1)


def _tensorflow_embeddings(encoder, inputs, outputs, chunk):
    import tensorflow as tf

    rows = tf.shape(next(iter(inputs.values())))[0]
    pieces = tf.TensorArray(
        "float32", size=-(-rows // chunk), infer_shape=False, clear_after_read=True
    )

    def encode(index, pieces):
        piece = _rows(inputs, index * chunk, (index + 1) * chunk)
        return index + 1, pieces.write(index, _embeddings(encoder, piece, outputs))

    _, pieces = tf.while_loop(
        lambda index, _: index * chunk < rows,
        encode,
        (0, pieces),
        parallel_iterations=1,
    )
    width = encoder.output[outputs[0]].shape[-1]
    return tf.ensure_shape(pieces.concat(), (None, None, width))


def _tensorflow_backward(encoder, inputs, outputs, gradient, weights, chunk):
    """The gradients of an encoder's weights: those of the chunks, summed one by one."""
    import tensorflow as tf

    rows = tf.shape(gradient)[0]

    def add(start, sums):
        piece = _rows(inputs, start, start + chunk)
        with tf.GradientTape() as tape:
            embeddings = _embeddings(encoder, piece, outputs)
        of_chunk = tape.gradient(
            embeddings,
            weights,
            gradient[start : start + chunk],
            unconnected_gradients="zero",
        )
        # The table of token vectors has a sparse one.
        return start + chunk, [
            total + tf.convert_to_tensor(value)
            for total, value in zip(sums, of_chunk, strict=True)
        ]

    zeros = [tf.zeros(weight.shape, weight.dtype) for weight in weights]
    return tf.while_loop(
        lambda start, _: start < rows, add, (0, zeros), parallel_iterations=1
    )[1]


def _torch_gradients(model, sides, score, chunk):
    import torch

    states = _random_states(sides)
    before = [state.value.clone() for state in states]
    model.zero_grad()
    with torch.no_grad():
        embeddings = [_torch_embeddings(*side, chunk) for side in sides]
    for tensor in embeddings:
        tensor.requires_grad_()
    similarity, loss = score(embeddings)
    loss.backward()
    for state, value in zip(states, before, strict=True):
        state.assign(value)
    for (encoder, inputs, outputs), tensor in zip(sides, embeddings, strict=True):
        for start in range(0, len(tensor), chunk):
            piece = _rows(inputs, start, start + chunk)
            again = _embeddings(encoder, piece, outputs)
            again.backward(tensor.grad[start : start + chunk])
    return similarity.detach(), [
        weight.value.grad for weight in model.trainable_weights
    ]


def _torch_embeddings(encoder, inputs, outputs, chunk):
    import torch

    rows = len(next(iter(inputs.values())))
    return torch.cat(
        [
            _embeddings(encoder, _rows(inputs, start, start + chunk), outputs)
            for start in range(0, rows, chunk)
        ]
    )


def _rows(inputs, start, stop):
    return {name: tensor[start:stop] for name, tensor in inputs.items()}


def _random_states(sides):
    """The states of all random draws of the encoders, each once.

    Keras counts them among the variables of a layer and not among its weights.
    """
    states = {}
    for encoder, *_ in sides:
        weights = {id(weight) for weight in encoder.weights}
        states |= {id(v): v for v in encoder.variables if id(v) not in weights}
    return list(states.values())


_GRADIENTS = {"tensorflow": _tensorflow_gradients, "torch": _torch_gradients}
