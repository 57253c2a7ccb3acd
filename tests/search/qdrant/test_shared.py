"""Both engines answer alike: what each finds, against plain loops over the points."""

import numpy as np
import pytest

from keras_teran.search._schema import IMAGES, Point, Schema
from keras_teran.search.qdrant import _server as cluster
from keras_teran.search.qdrant._edge import EmbeddedEngine
from keras_teran.search.qdrant._server import ClusterEngine

COUNT, DIM = 12, 8


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype("float32")


def make_points():
    draw = np.random.default_rng(0)
    return [
        Point(
            number,
            unit(draw.normal(size=DIM)),
            unit(draw.normal(size=(1 + number % 3, DIM))),
            {
                "kind": ["dog", "cat", "bird"][number % 3],
                "year": 2010 + number % 4,
                "seen": number % 2 == 0,
                **({"note": "x"} if number in (3, 7) else {}),
            },
        )
        for number in range(COUNT)
    ]


POINTS = make_points()


@pytest.fixture(scope="module", params=["embedded", "server"])
def engine(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "embedded":
            engine = EmbeddedEngine(tmp_path_factory.mktemp("index"))
        else:
            from qdrant_client import QdrantClient

            patch.setattr(cluster, "connect", lambda *_: QdrantClient(":memory:"))
            engine = ClusterEngine("http://127.0.0.1:6333", "points")
        engine.create(Schema(DIM))
        engine.upsert(IMAGES, POINTS)
        yield engine
        engine.close()


def fits(point, where):
    return all(
        any(
            point.payload.get(key) == v and type(point.payload[key]) is type(v)
            for v in values
        )
        for key, values in where.items()
    )


def max_sim(query, point):
    return float((query @ point.members.T).max(axis=1).sum())


def best(points, score, limit):
    ranked = sorted(points, key=lambda point: -score(point))[:limit]
    return [point.id for point in ranked], [score(point) for point in ranked]


def same(found, expected):
    assert [number for number, _ in found] == expected[0]
    np.testing.assert_allclose([score for _, score in found], expected[1], atol=1e-5)


QUERY = unit(np.random.default_rng(1).normal(size=(3, DIM)))
FILTERS = [
    {},
    {"kind": ["dog"]},
    {"kind": ["dog", "bird"]},
    {"year": [2011]},
    {"seen": [True]},
    {"seen": [True, False]},
    {"kind": ["dog", "cat"], "seen": [False]},
    {"kind": ["fish"]},
]


@pytest.mark.seconds
@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_the_pooled_vector_finds_the_nearest_that_fit(engine, where):
    found = engine.nearest(IMAGES, QUERY[0], None, 5, None, where)
    fitting = [point for point in POINTS if fits(point, where)]
    same(found, best(fitting, lambda point: float(QUERY[0] @ point.pooled), 5))


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_without_a_first_stage_max_sim_ranks_all_that_fit(engine, where):
    found = engine.nearest(IMAGES, QUERY[0], QUERY, 5, None, where)
    fitting = [point for point in POINTS if fits(point, where)]
    same(found, best(fitting, lambda point: max_sim(QUERY, point), 5))


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_max_sim_ranks_the_candidates_of_the_first_stage(engine, where):
    found = engine.nearest(IMAGES, QUERY[0], QUERY, 2, 4, where)
    fitting = [point for point in POINTS if fits(point, where)]
    first = best(fitting, lambda point: float(QUERY[0] @ point.pooled), 4)[0]
    candidates = [POINTS[number] for number in first]
    same(found, best(candidates, lambda point: max_sim(QUERY, point), 2))


def test_points_are_read_with_what_was_asked_for(engine):
    (whole,) = engine.retrieve(IMAGES, [5], members=True, payload=True)
    np.testing.assert_allclose(whole.pooled, POINTS[5].pooled, atol=1e-6)
    np.testing.assert_allclose(whole.members, POINTS[5].members, atol=1e-6)
    assert whole.payload == POINTS[5].payload
    (bare,) = engine.retrieve(IMAGES, [5])
    assert (bare.id, bare.pooled, bare.members) == (5, None, None)
    assert not bare.payload
    assert engine.retrieve(IMAGES, [COUNT + 1]) == []


def test_points_come_in_the_order_of_their_ids_and_go_on_where_they_ended(engine):
    first, after = engine.scroll(IMAGES, None, 7, {})
    second, end = engine.scroll(IMAGES, after, 7, {}, payload=True)
    assert [point.id for point in [*first, *second]] == list(range(COUNT))
    assert end is None
    assert second[0].payload == POINTS[7].payload
    dogs, _ = engine.scroll(IMAGES, None, 99, {"kind": ["dog"]})
    assert [point.id for point in dogs] == [0, 3, 6, 9]


def test_points_that_have_a_field_come_with_their_payloads(engine):
    found = engine.having(IMAGES, "note", 5)
    assert [(point.id, point.payload["note"]) for point in found] == [
        (3, "x"),
        (7, "x"),
    ]
    assert engine.count(IMAGES) == COUNT
