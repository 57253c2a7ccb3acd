"""Negatives from all replicas of `tf.distribute`, and one device's gradients.

Only TensorFlow has replicas; on other backends, and outside a step that replicas run,
`count_replicas` is 1 and `gather_pairs` returns what it was given.
"""

import keras


def count_replicas():
    """Replicas that train in step."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    if tf.distribute.in_cross_replica_context():
        return 1
    return tf.distribute.get_strategy().num_replicas_in_sync


def gather_pairs(tensor):
    """The rows of all replicas, in the replicas' order; differentiable.

    Args:
        tensor: (rows, ...); rows may differ between replicas, the other sizes not.
    """
    if count_replicas() == 1:
        return tensor
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_gather(tensor, axis=0)


def build_replica_optimizer(model):
    """Makes the optimiser's variables on all replicas, before the first step."""
    if model.optimizer is None or model.optimizer.built:
        return
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)


def replica_train_step(model, data):
    """A step whose gradients are summed over the replicas before they are clipped.

    Keras clips on each replica and sums what is left, which lets through more than the
    norm asked for. Here every replica clips the same sum and adds its share of it.
    """
    import tensorflow as tf

    inputs, image_ids, _ = keras.utils.unpack_x_y_sample_weight(data)
    with tf.GradientTape() as tape:
        similarity = model(inputs, training=True)
        loss = model.compute_loss(inputs, image_ids, similarity)
        scaled = model.optimizer.scale_loss(loss)
    # Keras offers neither the loss tracker nor the clipping alone in public.
    rows = tf.shape(image_ids)[0]
    model._loss_tracker.update_state(loss * count_replicas(), sample_weight=rows)
    gradients = tape.gradient(scaled, model.trainable_weights)
    gradients = tf.distribute.get_replica_context().all_reduce("SUM", gradients)
    gradients = model.optimizer._clip_gradients(gradients)
    shares = [_share(gradient) for gradient in gradients]
    model.optimizer.apply_gradients(zip(shares, model.trainable_weights, strict=True))
    return model.compute_metrics(inputs, image_ids, similarity)


def _share(gradient):
    import tensorflow as tf

    if isinstance(gradient, tf.IndexedSlices):  # of the table of token vectors
        values = gradient.values / count_replicas()
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return gradient / count_replicas()
