"""Which payload fields a server indexes, and that it is asked to."""

import json

import pytest
from support.search_index import build, engine_name, write_run

from keras_teran.search import Index
from keras_teran.search._fields import fields_of
from keras_teran.search._schema import CAPTIONS, IMAGES
from keras_teran.search.qdrant import _server as cluster

OWN = {"filename": "keyword", "caption_ids": "integer"}
SIDECAR = [
    {"image_id": row, "kind": "odd" if row % 2 else "even", "third": row % 3 == 0}
    for row in range(12)
]


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        ([], {}),
        ([{"kind": "dog"}, {"kind": "cat"}], {"kind": "keyword"}),
        ([{"year": 2011}, {}], {"year": "integer"}),
        ([{"flag": True}], {"flag": "bool"}),
        ([{"tags": ["a", "b"]}, {"tags": "c"}, {"tags": []}], {"tags": "keyword"}),
        ([{"kind": None}, {"kind": "dog"}], {"kind": "keyword"}),
        ([{"a.b[0]": "x"}], {"a.b[0]": "keyword"}),
        # No filter can ask for these, or not for all of them.
        ([{"year": 2011}, {"year": "2011"}], {}),
        ([{"flag": True}, {"flag": 1}], {}),
        ([{"share": 0.5}], {}),
        ([{"inner": {"a": 1}}], {}),
        ([{"big": 2**63}], {}),
        ([{"mixed": [1, "a"]}], {}),
        ([{'"quoted"': "x"}], {}),
        ([{"kind": None}, {"none": []}], {}),
    ],
)
def test_a_field_of_one_kind_that_a_filter_can_ask_for_is_indexed(payloads, expected):
    found = fields_of(payloads)
    assert found[IMAGES] == {**OWN, **expected}
    assert found[CAPTIONS] == {"filename": "keyword", "image_id": "integer"}


@pytest.fixture
def cluster_run(tmp_path, monkeypatch):
    """(run, name of the cluster engine, sidecar)."""
    sidecar = tmp_path / "extra.jsonl"
    sidecar.write_text("\n".join(map(json.dumps, SIDECAR)))
    name = engine_name("cluster", tmp_path, monkeypatch)
    return write_run(tmp_path / "run"), name, sidecar


@pytest.mark.seconds
@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
def test_a_server_is_asked_for_an_index_of_every_filtered_field(
    tmp_path, cluster_run, monkeypatch
):
    run, name, sidecar = cluster_run
    asked, connect = set(), cluster.connect

    def spied(url, key):
        client = connect(url, key)
        create = client.create_payload_index

        def noted(collection, field, field_schema, wait):
            assert client.count(collection).count == 0  # before the first point
            asked.add((collection.rpartition("_")[2], field, field_schema, wait))
            return create(collection, field, field_schema=field_schema, wait=wait)

        client.create_payload_index = noted
        return client

    monkeypatch.setattr(cluster, "connect", spied)
    folder = build(tmp_path, run, name, payload=sidecar)[2]
    assert asked == {
        ("images", '"filename"', "keyword", True),
        ("images", '"caption_ids"', "integer", True),
        ("images", '"kind"', "keyword", True),
        ("images", '"third"', "bool", True),
        ("captions", '"filename"', "keyword", True),
        ("captions", '"image_id"', "integer", True),
    }
    with Index.open(folder) as index:
        where = {"kind": "odd", "third": True}
        hits = index.search("a red ring", top=12, where=where)
        assert sorted(hit.id for hit in hits) == [3, 9]


@pytest.mark.seconds
@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
def test_a_build_killed_before_its_indexes_makes_them_when_it_goes_on(
    tmp_path, cluster_run, monkeypatch
):
    run, name, sidecar = cluster_run
    made, connect = [], cluster.connect

    def killed(url, key):
        client = connect(url, key)

        def create(*_, **__):
            raise KeyboardInterrupt

        client.create_payload_index = create
        return client

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "connect", killed)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, run, name, payload=sidecar)

    def noted(url, key):
        client = connect(url, key)
        create = client.create_payload_index

        def note(collection, field, **options):
            made.append(field)
            return create(collection, field, **options)

        client.create_payload_index = note
        return client

    monkeypatch.setattr(cluster, "connect", noted)
    build(tmp_path, run, name, payload=sidecar)
    assert sorted(set(made)) == [
        '"caption_ids"',
        '"filename"',
        '"image_id"',
        '"kind"',
        '"third"',
    ]
