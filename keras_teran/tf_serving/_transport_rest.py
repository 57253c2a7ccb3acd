"""TF Serving's predict API over REST, by the standard library alone."""

import http.client
import json
import math
import time
import urllib.error
import urllib.request

import numpy as np

from keras_teran._io import one_line, shown
from keras_teran.tf_serving._errors import ServingError, UnavailableError

# Bytes of JSON that one number may take, and those of all else in an answer.
_NUMBER, _REST = 48, 2**16
_PIECE = 2**16


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

    def predict(self, model, version, inputs, shapes):
        """Runs `serving_default` of one version of a model.

        Args:
            model: str, its name on the server.
            version: int.
            inputs: dict of NumPy arrays.
            shapes: dict of all the outputs wanted to their shapes. No answer is read
                that is longer than these numbers can be.

        Returns:
            Dict of NumPy arrays, float64 or bool as JSON gives them.

        Raises:
            UnavailableError: when nothing listens, or it answers 503.
            TimeoutError: when the answer does not come in time.
            ServingError: for any other status, with the server's words; or for an answer
                that holds no outputs, or is too long.
        """
        address = f"{self.url}/v1/models/{model}/versions/{version}:predict"
        body = {
            "signature_name": "serving_default",
            "inputs": {name: value.tolist() for name, value in inputs.items()},
        }
        shapes = dict(shapes)
        most = _REST + _NUMBER * sum(math.prod(shape) for shape in shapes.values())
        answer = self._post(address, json.dumps(body).encode(), most)
        if not isinstance(answer, dict) or "outputs" not in answer:
            raise ServingError(f"{address} answered no outputs: {shown(answer)}")
        outputs = answer["outputs"]
        if not isinstance(outputs, dict):  # a lone output comes without its name
            outputs = dict(zip(shapes, [outputs], strict=False))
        return {
            name: _array(address, name, value)
            for name, value in outputs.items()
            if name in shapes
        }

    def close(self):
        """Nothing is held open."""

    def _post(self, address, body, most):
        request = urllib.request.Request(
            address, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.loads(self._read(address, answer, most))
        except urllib.error.HTTPError as error:
            words = one_line(error.read(2000).decode(errors="replace"), 2000)
            kind = UnavailableError if error.code == 503 else ServingError
            raise kind(f"{address} answered {error.code}: {words}") from error
        except urllib.error.URLError as error:
            self._raise(address, error.reason)
        except (OSError, http.client.HTTPException) as error:
            self._raise(address, error)
        # No JSON, no UTF-8, an integer of over 4,300 digits, or nested too deep.
        except (ValueError, RecursionError) as error:
            raise ServingError(
                f"{address} answered no JSON: {one_line(error)}"
            ) from error

    def _read(self, address, answer, most):
        """An answer of at most so many bytes, read in time however slowly it comes."""
        end = time.monotonic() + self.timeout
        content = bytearray()
        while piece := answer.read1(_PIECE):
            content += piece
            if len(content) > most:
                raise ServingError(f"{address} answered more than {most:,} bytes.")
            if time.monotonic() > end:
                raise TimeoutError(f"no whole answer in {self.timeout:g} s")
        return bytes(content)

    def _raise(self, address, reason):
        if isinstance(reason, TimeoutError):
            raise TimeoutError(
                f"{address} gave no answer within {self.timeout:g} s."
            ) from reason
        if isinstance(reason, ConnectionRefusedError):
            raise UnavailableError(f"Nothing listens at {address}.") from reason
        raise ServingError(f"{address} failed: {reason!r}") from reason


def _array(address, name, value):
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ServingError(
            f"{address} answered {name} as no array: {one_line(error)}"
        ) from error
