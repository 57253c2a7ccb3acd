"""A test double of TF Serving's predict API: HTTP and gRPC, in a process of its own.

    python tests/serving_double.py REPOSITORY

It is no TF Serving: no batching, no warm-up, no reloading. It loads the versions that
`models.config` names, calls them by `serving_default` alone, and answers in the shapes
of the published protos and of the REST API's documentation. It prints its two ports.
"""

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

ADDRESS = re.compile(
    r"/v1/models/(?P<model>\w+)(/versions/(?P<version>\d+)|/labels/(?P<label>\w+))"
    r"?:predict"
)


class Models:
    """The served signatures, by name and version."""

    def __init__(self, repository):
        config = model_server_config_pb2.ModelServerConfig()
        text_format.Parse((repository / "models.config").read_text(), config)
        self.labels, self.loaded = {}, {}
        for entry in config.model_config_list.config:
            self.labels[entry.name] = dict(entry.version_labels)
            folder = repository / entry.base_path.removeprefix("/models/")
            for version in entry.model_version_policy.specific.versions:
                loaded = tf.saved_model.load(str(folder / str(version)))
                self.loaded[entry.name, version] = loaded

    def predict(self, name, version, label, inputs):
        """Runs `serving_default`; LookupError for what is not served."""
        if label:
            version = self.labels[name][label]
        version = version or max(v for n, v in self.loaded if n == name)
        function = self.loaded[name, version].signatures["serving_default"]
        specs = function.structured_input_signature[1]
        if set(specs) != set(inputs):
            raise ValueError(f"inputs {sorted(inputs)}, expected {sorted(specs)}")
        tensors = {n: tf.constant(v, specs[n].dtype) for n, v in inputs.items()}
        return {n: v.numpy() for n, v in function(**tensors).items()}


def http_handler(models):
    """The REST API over `models`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            found = ADDRESS.fullmatch(self.path)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not found:
                return self.answer(404, {"error": f"Malformed request: {self.path}"})
            name, label = found["model"], found["label"]
            try:
                outputs = models.predict(
                    name, int(found["version"] or 0), label, body["inputs"]
                )
            except LookupError as error:
                return self.answer(404, {"error": f"Servable not found: {error}"})
            except (ValueError, TypeError, tf.errors.OpError) as error:
                return self.answer(400, {"error": str(error)})
            values = {n: v.tolist() for n, v in outputs.items()}
            lone = next(iter(values.values())) if len(values) == 1 else values
            return self.answer(200, {"outputs": lone})

        def answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            """Silence."""

    return Handler


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC API over `models`."""

    def __init__(self, models):
        self.models = models

    def Predict(self, request, context):
        """One prediction."""
        spec = request.model_spec
        inputs = {n: tf.make_ndarray(t) for n, t in request.inputs.items()}
        try:
            outputs = self.models.predict(
                spec.name, spec.version.value, spec.version_label, inputs
            )
        except LookupError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found: {error}")
        except (ValueError, TypeError, tf.errors.OpError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        answer = predict_pb2.PredictResponse()
        for name in request.output_filter or outputs:
            value = np.asarray(outputs[name])
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return answer


def main():
    """Serves until its standard input is closed."""
    models = Models(Path(sys.argv[1]))
    web = ThreadingHTTPServer(("127.0.0.1", 0), http_handler(models))
    server = grpc.server(ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(models), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with ThreadPoolExecutor(1) as serving:
        serving.submit(web.serve_forever)
        print(json.dumps({"http": web.server_port, "grpc": port}), flush=True)
        sys.stdin.read()
        web.shutdown()
        server.stop(None)


if __name__ == "__main__":
    main()
