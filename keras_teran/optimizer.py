"""Adam that goes through each variable once a step, at a rate of its own."""

import keras
from keras import ops

# Keras' Adam for this backend: PyTorch's updates all variables by a few calls.
_Adam = type(keras.optimizers.Adam.__new__(keras.optimizers.Adam))


@keras.saving.register_keras_serializable("keras_teran")
class FusedAdam(_Adam):
    """Keras' Adam (Kingma and Ba 2015), by TensorFlow's fused kernel, at several rates.

    Keras writes the update as a dozen operations, each of which reads and writes
    tensors as large as the variable; TensorFlow has the whole of it as one. State and
    result, to rounding, are those of `keras.optimizers.Adam`; `amsgrad`, variables of
    16 bits and other backends than TensorFlow go Keras' own way.

    A row of an embedding that the batch holds twice has one gradient, the sum; Keras
    squares the two apart.

    `weight_decay` shrinks kernels alone, by the variable's own rate times it and apart
    from the gradient (Loshchilov and Hutter 2019), not biases, norms and tables.

    Args:
        learning_rate: float or Keras schedule.
        rates: dict of floats, factors on the learning rate of the variables whose path
            begins with the key, such as `{"bert_": 0.1}`; 1 for all others.
        **kwargs: any other argument of `keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate=0.001, rates=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rates = dict(rates or {})

    def rate_of(self, path):
        """The factor on the learning rate of a variable, by its path."""
        found = (self.rates[start] for start in self.rates if path.startswith(start))
        return next(found, 1.0)

    def decay_of(self, path):
        """The weight decay of a variable, by its path: 0 but for kernels."""
        return (self.weight_decay or 0.0) if path.endswith("kernel") else 0.0

    def update_step(self, gradient, variable, learning_rate):
        """Applies the gradient of one variable; not called on PyTorch.

        Args:
            gradient: tensor, on TensorFlow or `tf.IndexedSlices`, of the variable's
                shape.
            variable: variable that the optimiser was built for.
            learning_rate: float scalar, before the factor of `rates`.
        """
        index = self._get_variable_index(variable)
        path = self._trainable_variables[index].path
        learning_rate = learning_rate * self.rate_of(path)
        if self.decay_of(path):
            share = ops.cast(learning_rate * self.decay_of(path), variable.dtype)
            self.assign_sub(variable, ops.multiply(variable, share))
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        gradient = tf.convert_to_tensor(gradient)
        dtype = variable.dtype
        if self.amsgrad or dtype not in (tf.float32, tf.float64):
            super().update_step(gradient, variable, learning_rate)
            return
        step = tf.cast(self.iterations + 1, dtype)
        # Not tf.cast, which makes a float32 of a Python number first.
        beta_1, beta_2 = (
            tf.constant(self.beta_1, dtype),
            tf.constant(self.beta_2, dtype),
        )
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    def _parallel_update_step(self, grads, variables, learning_rate):
        """Keras' on PyTorch, for the variables of each rate and decay together."""
        import torch

        kinds = [(self.rate_of(v.path), self.decay_of(v.path)) for v in variables]
        for kind in sorted(set(kinds)):
            rows = [row for row, other in enumerate(kinds) if other == kind]
            together = [variables[row] for row in rows]
            rate, decay = learning_rate * kind[0], kind[1]
            if decay:
                torch._foreach_mul_([v.value for v in together], 1 - rate * decay)
            super()._parallel_update_step([grads[row] for row in rows], together, rate)

    def _apply_weight_decay(self, variables):
        """Nothing: Keras' knows one rate; a variable's step does it."""

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "rates": dict(self.rates)}
