"""The engine in the process: Qdrant Edge, one shard a collection, write-ahead log on."""

import shutil
from pathlib import Path

import numpy as np

from keras_teran._io import one_line
from keras_teran.search._schema import (
    COLLECTIONS,
    EF_PER_CANDIDATE,
    MEMBERS,
    POOLED,
    point_of,
    quoted,
)

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


class EmbeddedEngine:
    """Keeps an index in a folder, for one process at a time.

    Args:
        folder: path of the index; a shard is a folder in it.

    Raises:
        ModuleNotFoundError: without qdrant-edge-py.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._edge = _edge()
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
                shard = self._edge.EdgeShard.create(str(path), self._config(schema))
            self._shards[collection] = shard

    def upsert(self, collection, points):
        """Adds or replaces points."""
        edge = self._edge
        numbers = sum(point.members.size + point.pooled.size for point in points)
        size = numbers * 4
        self._need_room(size * _COPIES)
        ready = [
            edge.Point(
                point.id,
                {POOLED: point.pooled.tolist(), MEMBERS: point.members.tolist()},
                point.payload,
            )
            for point in points
        ]
        self._update(collection, edge.UpdateOperation.upsert_points(ready))
        self._unflushed += size
        if self._unflushed >= _FLUSH_BYTES:
            self._flush()

    def delete(self, collection, ids):
        """Removes points."""
        self._update(collection, self._edge.UpdateOperation.delete_points(list(ids)))

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""
        self._need_room(0)
        operation = self._edge.UpdateOperation.overwrite_payload([point_id], payload)
        self._update(collection, operation)

    def nearest(self, collection, pooled, members, limit, candidates, where):
        """See `Engine.nearest`."""
        edge = self._edge
        chosen = self._filter(where)
        first = edge.Query.Nearest(pooled.tolist(), using=POOLED)
        request = {"limit": limit, "query": first, "filter": chosen}
        wide = self._params(collection, candidates or limit, where)
        if members is None:
            request["params"] = wide
        if members is not None:
            request["query"] = edge.Query.Nearest(members.tolist(), using=MEMBERS)
            if candidates is not None:
                request["prefetches"] = [
                    edge.Prefetch(
                        limit=candidates, query=first, filter=chosen, params=wide
                    )
                ]
                del request["filter"]
        with self._told("searched"):
            found = self._shard(collection).query(edge.QueryRequest(**request))
        return [(point.id, float(point.score)) for point in found]

    def retrieve(self, collection, ids, members=False, payload=False):
        """See `Engine.retrieve`."""
        with self._told("read"):
            records = self._shard(collection).retrieve(
                list(ids), with_payload=payload, with_vector=_vectors(members)
            )
        return [point_of(record) for record in records]

    def scroll(self, collection, after, limit, where, members=False, payload=False):
        """See `Engine.scroll`."""
        return self._scroll(
            collection,
            offset=after,
            limit=limit,
            filter=self._filter(where),
            with_payload=payload,
            with_vector=_vectors(members),
        )

    def having(self, collection, key, limit):
        """See `Engine.having`."""
        edge = self._edge
        empty = edge.IsEmptyCondition(quoted(key))
        chosen = edge.Filter(must_not=[empty])
        return self._scroll(collection, limit=limit, filter=chosen, with_payload=True)[
            0
        ]

    def count(self, collection):
        """How many points there are."""
        with self._told("read"):
            return self._shard(collection).count(self._edge.CountRequest())

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
        edge = self._edge
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

    def _params(self, collection, candidates, where):
        """How the first stage is searched; under a filter the engine decides."""
        if not where:
            with self._told("searched"):
                points = self._shard(collection).info().points_count
            if points <= _MOST_COMPARED:
                return self._edge.SearchParams(exact=True)
        return self._edge.SearchParams(hnsw_ef=EF_PER_CANDIDATE * candidates)

    def _filter(self, where):
        edge = self._edge
        must = [_any_of(edge, quoted(key), values) for key, values in where.items()]
        return edge.Filter(must=must) if must else None

    def _scroll(self, collection, **request):
        with self._told("read"):
            records, following = self._shard(collection).scroll(
                self._edge.ScrollRequest(**request)
            )
        return [point_of(record) for record in records], following

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
                self._shards[collection] = self._edge.EdgeShard.load(str(path))
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


def _any_of(edge, key, values):
    """The condition that a field is one of these values."""
    if isinstance(values[0], bool):
        # Edge takes a Python bool for an integer, but NumPy's for what it is.
        matches = [edge.MatchValue(np.bool_(value)) for value in values]
        return edge.Filter(
            should=[edge.FieldCondition(key=key, match=match) for match in matches]
        )
    one = len(values) == 1
    match = edge.MatchValue(values[0]) if one else edge.MatchAny(values)
    return edge.FieldCondition(key=key, match=match)


def _vectors(members):
    return [POOLED, MEMBERS] if members else False


def _edge():
    try:
        import qdrant_edge
    except ImportError as error:
        raise ModuleNotFoundError(
            "The embedded engine needs qdrant-edge-py: pip install keras-teran[search]."
        ) from error
    return qdrant_edge
