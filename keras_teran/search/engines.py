"""The interface of the engines, and which engine a name means."""

from typing import Protocol

EMBEDDED = "embedded"


class Engine(Protocol):
    """Keeps points and finds them; each method takes the collection's name first.

    Every method may raise OSError: of them ConnectionError where a server is not
    reached.
    """

    def create(self, schema):
        """Makes both collections, where they are not there yet."""

    def upsert(self, collection, points):
        """Adds points; of an id that is there already, replaces it."""

    def delete(self, collection, ids):
        """Removes points; an id that is not there is no error."""

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""

    def nearest(self, collection, pooled, members, limit, candidates, where):
        """The best points by MAX_SIM, or by the pooled vector where members is None.

        Args:
            collection: str.
            pooled: float32 (dim,).
            members: float32 (members, dim), or None.
            limit: int, how many to return.
            candidates: int, how many the pooled vector hands on to MAX_SIM; None: all.
            where: dict, see `schema.check_where`.

        Returns:
            List of (id, score), best first.
        """

    def retrieve(self, collection, ids, members=False, payload=False):
        """The points of these ids, of those that are there, in any order."""

    def scroll(self, collection, after, limit, where, members=False, payload=False):
        """Points in the order of their ids: (list of points, where to go on or None)."""

    def count(self, collection):
        """How many points there are."""

    def finish(self):
        """After the last write: builds what makes searches quick; all is on disk."""

    def close(self):
        """Releases what it holds."""


def open_engine(name, folder, api_key=None, prefix=None, storage=None):
    """The engine that a name means.

    Args:
        name: "embedded", or the URL of a Qdrant server, http:// or https://.
        folder: path of the index; the embedded engine keeps its files there.
        api_key: str, of the server; None for that in QDRANT_API_KEY, if any.
        prefix: str, of the names of the collections on the server.
        storage: `Storage`, how the server is to keep them.

    Returns:
        An `Engine`.

    Raises:
        ValueError: for a name that is neither.
        ModuleNotFoundError: when the package of the engine is not installed.
        ConnectionError: when no server answers there.
    """
    check_engine(name)
    if name == EMBEDDED:
        from keras_teran.search.embedded import EmbeddedEngine

        return EmbeddedEngine(folder)
    from keras_teran.search.cluster import ClusterEngine

    return ClusterEngine(name, prefix, api_key, storage)


def check_engine(name):
    """Raises ValueError unless the name means an engine."""
    text = str(name)
    if text != EMBEDDED and not text.startswith(("http://", "https://")):
        raise ValueError(
            f"engine={text!r} is unknown; give {EMBEDDED!r} or the URL of a Qdrant "
            "server, such as http://localhost:6333."
        )
