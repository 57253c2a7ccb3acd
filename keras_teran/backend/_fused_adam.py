"""Adam that goes through each variable once a step, at a rate of its own."""

import keras

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

    Args:
        learning_rate: float or Keras schedule.
        rates: dict of floats, factors on the learning rate of the variables whose path
            begins with the key, such as `{"bert_": 0.1}`; 1 for all others.
        **kwargs: any other argument of `keras.optimizers.Adam`, as it is there; a
            `weight_decay` knows no `rates`.
    """

    def __init__(self, learning_rate=0.001, rates=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rates = dict(rates or {})

    def rate_of(self, path):
        """The factor on the learning rate of a variable, by its path."""
        found = (self.rates[start] for start in self.rates if path.startswith(start))
        return next(found, 1.0)

    def update_step(self, gradient, variable, learning_rate):
        """Applies the gradient of one variable; not called on PyTorch.

        Args:
            gradient: tensor, on TensorFlow or `tf.IndexedSlices`, of the variable's
                shape.
            variable: variable that the optimiser was built for.
            learning_rate: float scalar, before the factor of `rates`.
        """
        index = self._get_variable_index(variable)
        learning_rate = learning_rate * self.rate_of(
            self._trainable_variables[index].path
        )
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
        """Keras' on PyTorch, for the variables of each rate together."""
        rates = [self.rate_of(variable.path) for variable in variables]
        for rate in sorted(set(rates)):
            rows = [row for row, other in enumerate(rates) if other == rate]
            super()._parallel_update_step(
                [grads[row] for row in rows],
                [variables[row] for row in rows],
                learning_rate * rate,
            )

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "rates": dict(self.rates)}
