"""TF Serving's predict API over gRPC, by the published protos.

The protos of `tensorflow-serving-api` import `tensorflow.core`, and with it TensorFlow.
Where that must not be loaded, use REST.
"""

from keras_teran._io import one_line
from keras_teran.tf_serving._errors import ServingError, UnavailableError


class GrpcTransport:
    """Sends predict requests as protobuf.

    Args:
        target: str, "host:port".
        timeout: float, seconds that one request may take.

    Raises:
        ModuleNotFoundError: without `tensorflow-serving-api` and `grpcio`.
    """

    def __init__(self, target, timeout):
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "gRPC needs tensorflow-serving-api and grpcio: `pip install "
                "keras-teran[serving]`, or use REST, an http:// address."
            ) from error
        unlimited = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ]
        self.target = target
        self.timeout = timeout
        self._channel = grpc.insecure_channel(target, unlimited)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, model, version, inputs, shapes):
        """As `RestTransport.predict`; arrays keep the dtypes of the server."""
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest(output_filter=list(shapes))
        request.model_spec.name = model
        request.model_spec.version.value = version
        request.model_spec.signature_name = "serving_default"
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        try:
            answer = self._stub.Predict(request, timeout=self.timeout)
        except grpc.RpcError as error:
            self._raise(model, error, grpc.StatusCode)
        try:
            return {name: tf.make_ndarray(t) for name, t in answer.outputs.items()}
        except Exception as error:  # TypeError, ValueError, and others of NumPy's
            raise ServingError(
                f"{self.target} {model} answered tensors that are none: {one_line(error)}"
            ) from error

    def close(self):
        """Closes the channel."""
        self._channel.close()

    def _raise(self, model, error, codes):
        words = (
            f"{self.target} {model}: {error.code().name}: {one_line(error.details())}"
        )
        if error.code() is codes.DEADLINE_EXCEEDED:
            raise TimeoutError(
                f"{words} (no answer within {self.timeout:g} s)"
            ) from error
        kind = UnavailableError if error.code() is codes.UNAVAILABLE else ServingError
        raise kind(words) from error
