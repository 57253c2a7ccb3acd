"""The engine in the process: Qdrant Edge, one shard a collection, write-ahead log on."""

import shutil
from pathlib import Path

import numpy as np

from keras_teran._io import one_line
from keras_teran.search._schema import COLLECTIONS, MEMBERS, POOLED
from keras_teran.search.qdrant._shared import QdrantEngine, vectors_of

# Edge maps its files into memory: on a full disk the system would end the process at a
# write rather than report it. So room is looked for first, for the log, the segment
# and what they grow by.
_RESERVE_BYTES = 96 * 2**20
_COPIES = 3
# The log keeps what was written since the last flush, and is read again when a shard is
# opened: without flushes, of a large build gigabytes.
_FLUSH_BYTES = 64 * 2**20
# Up to so many points all pooled vectors are compared: that takes no longer than a graph
# searched as widely as it has to be, and misses none.
_MOST_COMPARED = 250_000


class EmbeddedEngine(QdrantEngine):
    """Keeps an index in a folder, for one process at a time.

    Args:
        folder: path of the index; a shard is a folder in it.

    Raises:
        ModuleNotFoundError: without qdrant-edge-py.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._models = _edge()
        self._shards = {}
        self._unflushed = 0
        self._changed = set()

    def create(self, schema):
        """Makes both shards, where they are not there yet."""
        for collection in COLLECTIONS:
            path = self.folder / collection
            if (path / "edge_config.json").is_file():
                continue
            # Without its configuration a shard was never whole: a build was killed.
            shutil.rmtree(path, ignore_errors=True)
            self._need_room(0)
            path.mkdir(parents=True)
            with self._told("made"):
                shard = self._models.EdgeShard.create(str(path), self._config(schema))
            self._shards[collection] = shard

    def upsert(self, collection, points):
        """Adds or replaces points."""
        edge = self._models
        numbers = sum(point.members.size + point.pooled.size for point in points)
        size = numbers * 4
        self._need_room(size * _COPIES)
        ready = [
            edge.Point(point.id, vectors_of(point), point.payload) for point in points
        ]
        self._update(collection, edge.UpdateOperation.upsert_points(ready))
        self._unflushed += size
        if self._unflushed >= _FLUSH_BYTES:
            self._flush()

    def delete(self, collection, ids):
        """Removes points."""
        self._update(collection, self._models.UpdateOperation.delete_points(list(ids)))

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""
        self._need_room(0)
        operation = self._models.UpdateOperation.overwrite_payload([point_id], payload)
        self._update(collection, operation)

    def count(self, collection):
        """How many points there are."""
        with self._told("read"):
            return self._shard(collection).count(self._models.CountRequest())

    def finish(self):
        """Builds the graph of the pooled vectors and writes all to disk."""
        for collection in COLLECTIONS:
            with self._told("finished"):
                self._shard(collection).optimize()
        self._flush()

    def close(self):
        """Closes the shards.

        Opening a shard repeats what its log still holds, which rewrites files. So one
        that was changed is opened and closed again: its files then stay as they are.
        """
        self._close_all()
        while self._changed:
            self._shard(self._changed.pop())
        self._close_all()

    def _close_all(self):
        while self._shards:
            self._shards.popitem()[1].close()

    def _config(self, schema):
        edge = self._models
        datatype = {
            "float32": edge.VectorStorageDatatype.Float32,
            "float16": edge.VectorStorageDatatype.Float16,
        }[schema.dtype]
        common = {
            "size": schema.dim,
            "distance": edge.Distance.Dot,
            "datatype": datatype,
        }
        pooled = edge.EdgeVectorParams(**common, memory=edge.Memory.Cached)
        members = edge.EdgeVectorParams(
            **common,
            multivector_config=edge.MultiVectorConfig(
                edge.MultiVectorComparator.MaxSim
            ),
            hnsw_config=edge.HnswIndexConfig(
                m=0, ef_construct=100, full_scan_threshold=10_000
            ),
            memory=edge.Memory.Cold,
        )
        return edge.EdgeConfig(
            vectors={POOLED: pooled, MEMBERS: members}, wal_enabled=True
        )

    def _width(self, collection, candidates, where):
        """Few points are all compared; under a filter the engine decides."""
        if not where:
            with self._told("searched"):
                points = self._shard(collection).info().points_count
            if points <= _MOST_COMPARED:
                return self._models.SearchParams(exact=True)
        return super()._width(collection, candidates, where)

    def _query(
        self, collection, limit, vectors, using, chosen=None, wide=None, first=None
    ):
        request = self._models.QueryRequest(
            limit,
            query=self._models.Query.Nearest(vectors.tolist(), using=using),
            filter=chosen,
            params=wide,
            prefetches=None if first is None else [first],
        )
        with self._told("searched"):
            return self._shard(collection).query(request)

    def _prefetch(self, pooled, candidates, chosen, wide):
        query = self._models.Query.Nearest(pooled.tolist(), using=POOLED)
        return self._models.Prefetch(
            candidates, query=query, filter=chosen, params=wide
        )

    def _read(self, collection, ids, members, payload):
        with self._told("read"):
            return self._shard(collection).retrieve(
                ids, with_payload=payload, with_vector=members
            )

    def _scroll(
        self, collection, chosen, limit, after=None, members=False, payload=True
    ):
        request = self._models.ScrollRequest(
            offset=after,
            limit=limit,
            filter=chosen,
            with_payload=payload,
            with_vector=members,
        )
        with self._told("read"):
            return self._shard(collection).scroll(request)

    def _equals(self, value):
        # Edge takes a Python bool for an integer, but NumPy's for what it is.
        return self._models.MatchValue(
            np.bool_(value) if isinstance(value, bool) else value
        )

    def _among(self, values):
        return self._models.MatchAny(values)

    def _is_empty(self, key):
        return self._models.IsEmptyCondition(key)

    def _update(self, collection, operation):
        self._changed.add(collection)
        with self._told("written"):
            self._shard(collection).update(operation)

    def _flush(self):
        for collection in COLLECTIONS:
            with self._told("written"):
                self._shard(collection).flush()
        self._unflushed = 0

    def _shard(self, collection):
        if collection not in self._shards:
            path = self.folder / collection
            with self._told("opened"):
                self._shards[collection] = self._models.EdgeShard.load(str(path))
        return self._shards[collection]

    def _need_room(self, more):
        needed = more + _RESERVE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OSError(
                f"The disk of {self.folder} is full: {free / 2**20:.0f} MiB are free, "
                f"{needed / 2**20:.0f} MiB are needed. Make room; the same command "
                "goes on."
            )

    def _told(self, doing):
        return _Told(self.folder, doing)


class _Told:
    """Edge raises bare Exceptions, and its panics are no Exceptions at all.

    Here both become OSErrors that name the index.
    """

    def __init__(self, folder, doing):
        self.message = f"{folder} cannot be {doing}"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None or kind.__name__ not in ("Exception", "PanicException"):
            return
        reason = one_line(error)
        if "WouldBlock" in reason:
            reason = "another process has it open; one at a time can"
        raise OSError(f"{self.message}: {reason.rstrip('.')}.") from error


def _edge():
    try:
        import qdrant_edge
    except ImportError as error:
        raise ModuleNotFoundError(
            "The embedded engine needs qdrant-edge-py: pip install keras-teran[search]."
        ) from error
    return qdrant_edge
