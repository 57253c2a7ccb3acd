"""The engine of a Qdrant server or cluster, through qdrant-client."""

import warnings

from keras_teran._io import one_line
from keras_teran.search._schema import (
    COLLECTIONS,
    EF_PER_CANDIDATE,
    MEMBERS,
    POOLED,
    Storage,
    point_of,
    quoted,
)

_TIMEOUT_S = 10
# The server refuses larger multivectors; a request of that many numbers stays under
# its 32 MiB too.
_MOST_NUMBERS = 1_048_576


class ClusterEngine:
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
                        vectors_config=_vectors_config(schema, self.storage),
                        shard_number=self.storage.shards,
                        replication_factor=self.storage.replicas,
                    )
                for key, kind in schema.fields.get(collection, {}).items():
                    self._client.create_payload_index(
                        name, quoted(key), field_schema=kind, wait=True
                    )

    def upsert(self, collection, points):
        """Adds or replaces points, in requests that the server takes."""
        from qdrant_client import models

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
            vector = {
                POOLED: point.pooled.tolist(),
                MEMBERS: point.members.tolist(),
            }
            request.append(
                models.PointStruct(id=point.id, vector=vector, payload=point.payload)
            )
            numbers += size
        if request:
            self._write(collection, request)

    def delete(self, collection, ids):
        """Removes points."""
        from qdrant_client import models

        with self._told():
            self._client.delete(
                self._name(collection), models.PointIdsList(points=list(ids)), wait=True
            )

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""
        with self._told():
            self._client.overwrite_payload(
                self._name(collection), payload, [point_id], wait=True
            )

    def nearest(self, collection, pooled, members, limit, candidates, where):
        """See `Engine.nearest`."""
        from qdrant_client import models

        chosen = _filter(where)
        request = {"query": pooled.tolist(), "using": POOLED, "query_filter": chosen}
        wide = models.SearchParams(hnsw_ef=EF_PER_CANDIDATE * (candidates or limit))
        if members is None:
            request["search_params"] = wide
        else:
            request |= {"query": members.tolist(), "using": MEMBERS}
            if candidates is not None:
                first = models.Prefetch(
                    query=pooled.tolist(),
                    using=POOLED,
                    limit=candidates,
                    filter=chosen,
                    params=wide,
                )
                request |= {"prefetch": first, "query_filter": None}
        with self._told():
            found = self._client.query_points(
                self._name(collection), limit=limit, with_payload=False, **request
            )
        return [(point.id, float(point.score)) for point in found.points]

    def retrieve(self, collection, ids, members=False, payload=False):
        """See `Engine.retrieve`."""
        with self._told():
            records = self._client.retrieve(
                self._name(collection),
                list(ids),
                with_payload=payload,
                with_vectors=members,
            )
        return [point_of(record) for record in records]

    def scroll(self, collection, after, limit, where, members=False, payload=False):
        """See `Engine.scroll`."""
        return self._scroll(
            collection,
            scroll_filter=_filter(where),
            offset=after,
            limit=limit,
            with_payload=payload,
            with_vectors=members,
        )

    def having(self, collection, key, limit):
        """See `Engine.having`."""
        from qdrant_client import models

        field = models.PayloadField(key=quoted(key))
        chosen = models.Filter(must_not=[models.IsEmptyCondition(is_empty=field)])
        return self._scroll(collection, scroll_filter=chosen, limit=limit)[0]

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

    def _scroll(self, collection, **request):
        with self._told():
            records, following = self._client.scroll(self._name(collection), **request)
        return [point_of(record) for record in records], following

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
    """A `QdrantClient`; ModuleNotFoundError without the package."""
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise ModuleNotFoundError(
            "A Qdrant server needs qdrant-client: pip install keras-teran[search]."
        ) from error
    with warnings.catch_warnings():
        # To this machine a key may go unencrypted: `_address.server_key` saw to it.
        warnings.filterwarnings("ignore", "Api key is used with an insecure")
        return QdrantClient(
            url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False
        )


def _vectors_config(schema, storage):
    from qdrant_client import models

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


def _filter(where):
    from qdrant_client import models

    must = [_any_of(models, quoted(key), values) for key, values in where.items()]
    return models.Filter(must=must) if must else None


def _any_of(models, key, values):
    """The condition that a field is one of these values."""
    if isinstance(values[0], bool):  # which MatchAny does not take
        matches = [models.MatchValue(value=value) for value in values]
        return models.Filter(
            should=[models.FieldCondition(key=key, match=match) for match in matches]
        )
    one = len(values) == 1
    match = models.MatchValue(value=values[0]) if one else models.MatchAny(any=values)
    return models.FieldCondition(key=key, match=match)
