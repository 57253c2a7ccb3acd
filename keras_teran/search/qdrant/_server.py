"""The engine of a Qdrant server or cluster, through qdrant-client."""

import warnings

from keras_teran._io import one_line
from keras_teran.search._schema import COLLECTIONS, MEMBERS, POOLED, Storage, quoted
from keras_teran.search.qdrant._shared import QdrantEngine, vectors_of

_TIMEOUT_S = 10
# The server refuses larger multivectors; a request of that many numbers stays under
# its 32 MiB too.
_MOST_NUMBERS = 1_048_576


class ClusterEngine(QdrantEngine):
    """Keeps an index on a server, in the collections `PREFIX_images`, `PREFIX_captions`.

    Args:
        url: str, of the server.
        prefix: str, of the names of its collections.
        api_key: str, or None; see `_address.server_key`.
        storage: `Storage`, for `create`.

    Raises:
        ModuleNotFoundError: without qdrant-client.
        ConnectionError: when no server answers.
    """

    def __init__(self, url, prefix, api_key=None, storage=None):
        self.url = url
        self.prefix = prefix
        self.storage = storage or Storage()
        self._models = _models()
        with self._told():
            self._client = connect(url, api_key)
            self._client.get_collections()

    def create(self, schema):
        """Makes both collections and the indexes of their payloads, where missing."""
        with self._told():
            for collection in COLLECTIONS:
                name = self._name(collection)
                if not self._client.collection_exists(name):
                    self._client.create_collection(
                        name,
                        vectors_config=_vectors_config(
                            self._models, schema, self.storage
                        ),
                        shard_number=self.storage.shards,
                        replication_factor=self.storage.replicas,
                    )
                for key, kind in schema.fields.get(collection, {}).items():
                    self._client.create_payload_index(
                        name, quoted(key), field_schema=kind, wait=True
                    )

    def upsert(self, collection, points):
        """Adds or replaces points, in requests that the server takes."""
        request, numbers = [], 0
        for point in points:
            size = point.members.size + point.pooled.size
            if size > _MOST_NUMBERS:
                raise ValueError(
                    f"Point {point.id} has {size:,} numbers; a server takes "
                    f"{_MOST_NUMBERS:,} at most: index fewer regions an image."
                )
            if numbers + size > _MOST_NUMBERS:
                self._write(collection, request)
                request, numbers = [], 0
            request.append(
                self._models.PointStruct(
                    id=point.id, vector=vectors_of(point), payload=point.payload
                )
            )
            numbers += size
        if request:
            self._write(collection, request)

    def delete(self, collection, ids):
        """Removes points."""
        points = self._models.PointIdsList(points=list(ids))
        with self._told():
            self._client.delete(self._name(collection), points, wait=True)

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""
        with self._told():
            self._client.overwrite_payload(
                self._name(collection), payload, [point_id], wait=True
            )

    def count(self, collection):
        """How many points there are."""
        with self._told():
            return self._client.count(self._name(collection), exact=True).count

    def finish(self):
        """Nothing: every write waited, and the server builds its graphs by itself."""

    def close(self):
        """Closes the connection."""
        self._client.close()

    def _name(self, collection):
        return f"{self.prefix}_{collection}"

    def _query(
        self, collection, limit, vectors, using, chosen=None, wide=None, first=None
    ):
        with self._told():
            return self._client.query_points(
                self._name(collection),
                query=vectors.tolist(),
                using=using,
                query_filter=chosen,
                search_params=wide,
                prefetch=first,
                limit=limit,
                with_payload=False,
            ).points

    def _prefetch(self, pooled, candidates, chosen, wide):
        return self._models.Prefetch(
            query=pooled.tolist(),
            using=POOLED,
            limit=candidates,
            filter=chosen,
            params=wide,
        )

    def _read(self, collection, ids, members, payload):
        with self._told():
            return self._client.retrieve(
                self._name(collection), ids, with_payload=payload, with_vectors=members
            )

    def _scroll(
        self, collection, chosen, limit, after=None, members=False, payload=True
    ):
        with self._told():
            return self._client.scroll(
                self._name(collection),
                scroll_filter=chosen,
                offset=after,
                limit=limit,
                with_payload=payload,
                with_vectors=members,
            )

    def _equals(self, value):
        return self._models.MatchValue(value=value)

    def _among(self, values):
        return self._models.MatchAny(any=values)

    def _is_empty(self, key):
        field = self._models.PayloadField(key=key)
        return self._models.IsEmptyCondition(is_empty=field)

    def _write(self, collection, points):
        with self._told():
            self._client.upsert(self._name(collection), points, wait=True)

    def _told(self):
        return _Told(self.url)


class _Told:
    """What qdrant-client raises, as OSErrors that name the server."""

    def __init__(self, url):
        self.url = url

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            return
        from qdrant_client.http.exceptions import (
            ResponseHandlingException,
            UnexpectedResponse,
        )

        if isinstance(error, ResponseHandlingException):
            raise ConnectionError(
                f"No Qdrant server answers at {self.url} within {_TIMEOUT_S} s: "
                f"{one_line(error, 200)}."
            ) from error
        if isinstance(error, UnexpectedResponse):
            reason = one_line(error.content.decode("utf-8", "replace"), 200)
            hint = " Give --api-key or QDRANT_API_KEY."
            raise OSError(
                f"The server at {self.url} answered {error.status_code}: {reason}."
                f"{hint if error.status_code in (401, 403) else ''}"
            ) from error
        if isinstance(error, ValueError | TypeError | KeyError | AttributeError):
            raise OSError(
                f"What the server at {self.url} answered is none of Qdrant's answers: "
                f"{one_line(error, 200)}."
            ) from error


def connect(url, api_key):
    """A `QdrantClient`."""
    from qdrant_client import QdrantClient

    with warnings.catch_warnings():
        # To this machine a key may go unencrypted: `_address.server_key` saw to it.
        warnings.filterwarnings("ignore", "Api key is used with an insecure")
        return QdrantClient(
            url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False
        )


def _models():
    try:
        from qdrant_client import models
    except ImportError as error:
        raise ModuleNotFoundError(
            "A Qdrant server needs qdrant-client: pip install keras-teran[search]."
        ) from error
    return models


def _vectors_config(models, schema, storage):
    common = {
        "size": schema.dim,
        "distance": models.Distance.DOT,
        "datatype": models.Datatype(schema.dtype),
        "on_disk": storage.on_disk,
    }
    quantization = None
    if storage.quantize:
        quantization = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, always_ram=True
            )
        )
    return {
        POOLED: models.VectorParams(**common, quantization_config=quantization),
        MEMBERS: models.VectorParams(
            **common,
            multivector_config=models.MultiVectorConfig(
                comparator=models.MultiVectorComparator.MAX_SIM
            ),
            hnsw_config=models.HnswConfigDiff(m=0),
        ),
    }
