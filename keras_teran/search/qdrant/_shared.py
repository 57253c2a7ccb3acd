"""What both engines of Qdrant ask, whichever client they ask it through."""

from keras_teran.search._schema import (
    EF_PER_CANDIDATE,
    MEMBERS,
    POOLED,
    point_of,
    quoted,
)


class QdrantEngine:
    """The questions of `Engine`; a subclass adds its client's own words for them.

    Attributes:
        _models: the module of the client's types.
    """

    def nearest(self, collection, pooled, members, limit, candidates, where):
        """See `Engine.nearest`."""
        chosen = self._filter(where)
        if members is not None and candidates is None:
            found = self._query(collection, limit, members, MEMBERS, chosen)
        else:
            wide = self._width(collection, candidates or limit, where)
            if members is None:
                found = self._query(collection, limit, pooled, POOLED, chosen, wide)
            else:
                first = self._prefetch(pooled, candidates, chosen, wide)
                found = self._query(collection, limit, members, MEMBERS, first=first)
        return [(point.id, float(point.score)) for point in found]

    def retrieve(self, collection, ids, members=False, payload=False):
        """See `Engine.retrieve`."""
        return [*map(point_of, self._read(collection, list(ids), members, payload))]

    def scroll(self, collection, after, limit, where, members=False, payload=False):
        """See `Engine.scroll`."""
        chosen = self._filter(where)
        records, following = self._scroll(
            collection, chosen, limit, after, members, payload
        )
        return [*map(point_of, records)], following

    def having(self, collection, key, limit):
        """See `Engine.having`."""
        chosen = self._models.Filter(must_not=[self._is_empty(quoted(key))])
        return [*map(point_of, self._scroll(collection, chosen, limit)[0])]

    def _width(self, _collection, candidates, _where):
        """How widely the graph of the pooled vectors is searched."""
        return self._models.SearchParams(hnsw_ef=EF_PER_CANDIDATE * candidates)

    def _filter(self, where):
        must = [self._any_of(quoted(key), values) for key, values in where.items()]
        return self._models.Filter(must=must) if must else None

    def _any_of(self, key, values):
        """The condition that a field is one of these values."""
        if len(values) == 1 or isinstance(values[0], bool):  # MatchAny takes no bool
            matches = [self._equals(value) for value in values]
        else:
            matches = [self._among(values)]
        of_field = self._models.FieldCondition
        conditions = [of_field(key=key, match=match) for match in matches]
        if len(conditions) == 1:
            return conditions[0]
        return self._models.Filter(should=conditions)


def vectors_of(point):
    """The vectors of a `Point` by their names, as the clients take them."""
    return {POOLED: point.pooled.tolist(), MEMBERS: point.members.tolist()}
