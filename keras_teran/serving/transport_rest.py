"""TF Serving's predict API over REST, by the standard library alone."""

import http.client
import json
import urllib.error
import urllib.request

import numpy as np

from keras_teran.serving.errors import ServingError, UnavailableError


class RestTransport:
    """Sends predict requests as JSON.

    JSON takes some twenty bytes a number where gRPC takes four: for region features
    that is the lighter way.

    Args:
        url: str, such as "http://localhost:8501".
        timeout: float, seconds that one request may wait for the server.
    """

    def __init__(self, url, timeout):
        self.url = url.rstrip("/")
        self.timeout = timeout

    def predict(self, model, version, inputs, output_names):
        """Runs `serving_default` of one version of a model.

        Args:
            model: str, its name on the server.
            version: int.
            inputs: dict of NumPy arrays.
            output_names: sequence of str, all the outputs wanted.

        Returns:
            Dict of NumPy arrays, float64 or bool as JSON gives them.

        Raises:
            UnavailableError: when nothing listens, or it answers 503.
            TimeoutError: when the answer does not come in time.
            ServingError: for any other status, with the server's words.
        """
        address = f"{self.url}/v1/models/{model}/versions/{version}:predict"
        body = {
            "signature_name": "serving_default",
            "inputs": {name: value.tolist() for name, value in inputs.items()},
        }
        outputs = self._post(address, json.dumps(body).encode()).get("outputs")
        if not isinstance(outputs, dict):  # a lone output comes without its name
            outputs = dict(zip(output_names, [outputs], strict=False))
        return {
            name: np.asarray(value)
            for name, value in outputs.items()
            if name in output_names
        }

    def close(self):
        """Nothing is held open."""

    def _post(self, address, body):
        request = urllib.request.Request(
            address, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            words = error.read(2000).decode(errors="replace")
            kind = UnavailableError if error.code == 503 else ServingError
            raise kind(f"{address} answered {error.code}: {words}") from error
        except urllib.error.URLError as error:
            self._raise(address, error.reason)
        except (OSError, http.client.HTTPException) as error:
            self._raise(address, error)
        except json.JSONDecodeError as error:
            raise ServingError(f"{address} answered no JSON: {error}") from error

    def _raise(self, address, reason):
        if isinstance(reason, TimeoutError):
            raise TimeoutError(
                f"{address} gave no answer within {self.timeout:g} s."
            ) from reason
        if isinstance(reason, ConnectionRefusedError):
            raise UnavailableError(f"Nothing listens at {address}.") from reason
        raise ServingError(f"{address} failed: {reason!r}") from reason
