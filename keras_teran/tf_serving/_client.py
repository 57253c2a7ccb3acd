"""Asks a TF Serving server for word and region embeddings and for scores."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_teran._io import check, shown
from keras_teran.text import CaptionTokenizer, check_vocabulary
from keras_teran.tf_serving import _request_checks as checks
from keras_teran.tf_serving._errors import UnavailableError
from keras_teran.tf_serving._interface import Interface, bucket
from keras_teran.tf_serving._transport_grpc import GrpcTransport
from keras_teran.tf_serving._transport_rest import RestTransport
from keras_teran.vision import fit_picture

CAPTION_OUTPUTS = ("word_embeddings", "word_mask", "caption_embedding")
IMAGE_OUTPUTS = ("region_embeddings", "image_embedding")


class Client:
    """A served model, asked over REST or gRPC.

    It asks for the version that its folder describes, so that a vocabulary never meets
    the table of another. Over REST neither TensorFlow nor Keras is loaded.

    Args:
        url: str, "http://host:8501" (REST) or "grpc://host:8500".
        folder: path of `client/VERSION` in the model repository, or of a copy.
        timeout: float, seconds for one request.
        retries: int, further tries when the server is unavailable (nothing listens,
            503, UNAVAILABLE). Time-outs and refusals are not tried again.
        backoff: float, seconds before the second try; doubled before each further.
        max_batch: int, the most rows of one request; more are sent in turn. The
            server's `max_batch_size` must not be below it.
        lengths: dict of `token_buckets` and `region_buckets`, sequences of ascending
            int, in place of the folder's. A server with batching on refuses requests of
            different lengths that meet in a batch: there give one length each, the same
            in all clients, such as `{"token_buckets": [32], "region_buckets": [36]}`.

    Raises:
        ValueError: for another kind of address, or sizes that make no sense.
        FileNotFoundError: when the folder is none of a model repository.

    Example:
        client = Client("http://localhost:8501", "models/client/1")
        words = client.encode_captions(["two dogs"])["word_embeddings"]
        client.score(region_embeddings, words)  # (images, 1)
    """

    def __init__(
        self,
        url,
        folder,
        timeout=10.0,
        retries=3,
        backoff=0.1,
        max_batch=32,
        lengths=None,
    ):
        _check_limits(timeout, retries, backoff, max_batch)
        self.interface = Interface.read(folder).with_lengths(lengths)
        self.tokenizer = CaptionTokenizer.load(folder, saved=True)
        check_vocabulary(self.interface.caption_table(), self.tokenizer, folder)
        self.retries = retries
        self.backoff = backoff
        self.max_batch = max_batch
        self._transport = _transport(url, timeout)

    def __enter__(self):
        """The client; leaving the block closes its connection."""
        return self

    def __exit__(self, *error):
        """Closes the connection."""
        self.close()

    def close(self):
        """Closes the connection."""
        self._transport.close()

    def encode_captions(self, captions):
        """Word embeddings of sentences, tokenised here.

        Args:
            captions: list of str; what is longer than the tokeniser's `max_length` is
                cut, as it was in training.

        Returns:
            As `encode_tokens`, at the width of the longest of these captions.

        Raises:
            ValueError: for no captions; and what `encode_tokens` raises.
        """
        tokens = self.tokenizer(captions)
        return self.encode_tokens(tokens["token_ids"], tokens["padding_mask"])

    def encode_tokens(self, token_ids, padding_mask):
        """Word embeddings of token ids.

        Args:
            token_ids: integers (captions, words), [CLS] and [SEP] among them.
            padding_mask: bool (captions, words), True where a token is real.

        Returns:
            Dict of NumPy arrays: `word_embeddings` float32 (captions, words, dim),
            `word_mask` bool (captions, words), `caption_embedding` float32 (captions,
            dim).

        Raises:
            ValueError: for input that the model cannot mean; see
                `_request_checks.tokens`.
            UnavailableError: when no server took the request after all tries.
            TimeoutError: when it took too long.
            ServingError: when the server refused it, or its answer has other names or
                shapes, or numbers that are not finite.
        """
        inputs = checks.tokens(token_ids, padding_mask, self.interface)
        captions, words = inputs["token_ids"].shape
        dim = self.interface.embedding_dim
        width = min(
            bucket(words, self.interface.token_buckets), self.interface.max_length
        )
        shapes = ((captions, width, dim), (captions, width), (captions, dim))
        fill = {"token_ids": self.tokenizer.pad_id, "padding_mask": False}
        found = self._encode(
            "caption_encoder",
            {name: _pad(v, width, fill[name]) for name, v in inputs.items()},
            dict(zip(CAPTION_OUTPUTS, shapes, strict=True)),
        )
        return {
            "word_embeddings": found["word_embeddings"][:, :words],
            "word_mask": found["word_mask"][:, :words].astype(bool),
            "caption_embedding": found["caption_embedding"],
        }

    def encode_regions(self, regions, boxes, region_mask=None):
        """Region embeddings of images.

        Args:
            regions: floats (images, regions, region_dim).
            boxes: floats (images, regions, 4), relative x0 y0 x1 y1.
            region_mask: bool (images, regions), True where real; None: all are.

        Returns:
            Dict of NumPy arrays: `region_embeddings` float32 (images, regions, dim),
            all-zero where masked, and `image_embedding` float32 (images, dim).

        Raises:
            ValueError: for input that the model cannot mean, see
                `_request_checks.regions`; or where it takes pictures.
            UnavailableError, TimeoutError, ServingError: as `encode_tokens`.
        """
        if self.interface.image_size:
            raise ValueError(
                "This model takes pictures and makes regions of them itself; call "
                "encode_pictures."
            )
        inputs = checks.regions(regions, boxes, region_mask, self.interface)
        images, count = inputs["region_mask"].shape
        dim = self.interface.embedding_dim
        width = bucket(count, self.interface.region_buckets)
        shapes = ((images, width, dim), (images, dim))
        found = self._encode(
            "image_encoder",
            {name: _pad(value, width, 0) for name, value in inputs.items()},
            dict(zip(IMAGE_OUTPUTS, shapes, strict=True)),
        )
        found["region_embeddings"] = found["region_embeddings"][:, :count]
        return found

    def encode_pictures(self, pictures):
        """Region embeddings of pictures, by a model with pixels inside.

        Pictures are decoded and fitted here, `max_batch` at a time, as the model's own
        pipeline does it (see `vision.decode` and `vision.fit`).

        Args:
            pictures: sequence; each a file's path, a Pillow image, or uint8
                (height, width, 3), RGB, of any size.

        Returns:
            As `encode_regions`: a region is a patch; all-zero those of padding.

        Raises:
            ValueError: where the model takes regions; for no pictures; or, before its
                batch is sent, for one that cannot be used (`BadImage`).
            UnavailableError, TimeoutError, ServingError: as `encode_tokens`.
        """
        size, dim = self.interface.image_size, self.interface.embedding_dim
        if size is None:
            raise ValueError(
                "This model takes regions and boxes, no pictures; call encode_regions."
            )
        (patches,) = self.interface.region_buckets
        answers = []
        for images in _fitted_batches(pictures, size, self.max_batch):
            shapes = ((len(images), patches, dim), (len(images), dim))
            outputs = dict(zip(IMAGE_OUTPUTS, shapes, strict=True))
            answers.append(self._ask("image_encoder", {"images": images}, outputs))
        return {n: np.concatenate([a[n] for a in answers]) for n in IMAGE_OUTPUTS}

    def score(self, region_embeddings, word_embeddings):
        """Similarity of each image with each caption.

        Args:
            region_embeddings: floats (images, regions, dim), all-zero rows masked.
            word_embeddings: floats (captions, words, dim), the same.

        Returns:
            Float32 (images, captions).

        Raises:
            ValueError: for another shape, or numbers that are not finite.
            UnavailableError, TimeoutError, ServingError: as `encode_tokens`.
        """
        dim = self.interface.embedding_dim
        images = checks.floats(
            "region_embeddings", region_embeddings, (None, None, dim)
        )
        captions = checks.floats("word_embeddings", word_embeddings, (None, None, dim))
        # Under the original's rule padding changes a score: there it is sent as it is.
        if self.interface.padding == "exclude":
            rows = bucket(images.shape[1], self.interface.region_buckets)
            images = _pad(images, rows, 0)
            words = bucket(captions.shape[1], self.interface.token_buckets)
            captions = _pad(captions, words, 0)
        return np.concatenate(
            [
                np.concatenate(
                    [self._scored(i, c) for c in self._batches(captions)], axis=1
                )
                for i in self._batches(images)
            ]
        )

    def _scored(self, images, captions):
        inputs = {"region_embeddings": images, "word_embeddings": captions}
        shape = (len(images), len(captions))
        return self._ask("scorer", inputs, {"similarity": shape})["similarity"]

    def _batches(self, array):
        starts = range(0, len(array), self.max_batch)
        return [array[start : start + self.max_batch] for start in starts]

    def _encode(self, model, inputs, shapes):
        """Asks in batches; `shapes` are those of all rows together."""
        batches = {name: self._batches(value) for name, value in inputs.items()}
        answers = []
        for batch in zip(*batches.values(), strict=True):
            rows = {name: (len(batch[0]), *s[1:]) for name, s in shapes.items()}
            answers.append(
                self._ask(model, dict(zip(batches, batch, strict=True)), rows)
            )
        return {name: np.concatenate([a[name] for a in answers]) for name in shapes}

    def _ask(self, model, inputs, shapes):
        """One request, tried again while no server takes it; its answer checked."""
        for tries in range(self.retries + 1):
            try:
                answer = self._transport.predict(
                    model, self.interface.version, inputs, shapes
                )
                break
            except UnavailableError:
                if tries == self.retries:
                    raise
                time.sleep(self.backoff * 2**tries)
        return checks.answer(model, answer, shapes)


def _check_limits(timeout, retries, backoff, max_batch):
    from keras_teran.tf_serving._interface_schema import Limits

    given = {
        "timeout": timeout,
        "retries": retries,
        "backoff": backoff,
        "max_batch": max_batch,
    }
    try:
        check(given, Limits, "Client")
    except ValueError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}; give a timeout above 0, a batch of 1 or more, "
            "and retries and backoff of 0 or more."
        ) from None


def _transport(url, timeout):
    if not isinstance(url, str):
        raise ValueError(f"url={shown(url)}: give a text, http://host:port.")
    if url.startswith("grpc://"):
        return GrpcTransport(url.removeprefix("grpc://").rstrip("/"), timeout)
    if url.startswith(("http://", "https://")):
        return RestTransport(url, timeout)
    raise ValueError(
        f"url={url!r}: give http://host:port for REST or grpc://host:port for gRPC."
    )


def _pad(array, width, value):
    """An array lengthened to `width` along its second axis."""
    room = [(0, 0)] * array.ndim
    room[1] = (0, width - array.shape[1])
    return np.pad(array, room, constant_values=value)


def _fitted_batches(pictures, size, batch_size):
    """Decodes and fits pictures, so many at a time.

    Args:
        pictures: sequence; each what `fit_picture` takes.
        size: (height, width) that the model takes.
        batch_size: int.

    Yields:
        uint8, (up to batch_size, height, width, 3), RGB.

    Raises:
        ValueError: for a lone path, no pictures, or what `fit_picture` refuses.
    """
    if isinstance(pictures, str | Path):
        raise ValueError(f"pictures is one path, {str(pictures)!r}; give a list.")
    if not len(pictures):
        raise ValueError("pictures is empty; give 1 or more.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pictures), batch_size):
            piece = pictures[start : start + batch_size]
            fitted = list(pool.map(lambda picture: fit_picture(picture, size), piece))
            yield np.stack([each.pixels for each in fitted])
