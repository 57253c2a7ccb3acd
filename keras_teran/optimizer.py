"""Adam that goes through each variable once a step."""

import keras


@keras.saving.register_keras_serializable("keras_teran")
class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam (Kingma and Ba 2015), by TensorFlow's fused kernel.

    Keras writes the update as a dozen operations, each of which reads and writes
    tensors as large as the variable; TensorFlow has the whole of it as one. Arguments,
    state and result, to rounding, are those of `keras.optimizers.Adam`; `amsgrad` and
    variables of 16 bits go Keras' own way, and on another backend than TensorFlow what
    is made is `keras.optimizers.Adam` itself.

    A row of an embedding that the batch holds twice has one gradient, the sum; Keras
    squares the two apart.
    """

    def __new__(cls, *args, **kwargs):
        """Keras' own where the backend is not TensorFlow."""
        if keras.backend.backend() != "tensorflow":
            return keras.optimizers.Adam(*args, **kwargs)
        return super().__new__(cls)

    def update_step(self, gradient, variable, learning_rate):
        """Applies the gradient of one variable.

        Args:
            gradient: `tf.Tensor` or `tf.IndexedSlices` of the variable's shape.
            variable: `tf.Variable` that the optimiser was built for.
            learning_rate: float scalar.
        """
        import tensorflow as tf

        gradient = tf.convert_to_tensor(gradient)
        dtype = variable.dtype
        if self.amsgrad or dtype not in (tf.float32, tf.float64):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
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
