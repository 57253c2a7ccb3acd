"""The index on both engines: its scores are the model's; it can be changed."""

import json

import numpy as np
import pytest
from support.search_index import SENTENCE, build, engine_name, write_run, write_run_of

from keras_teran.pipeline._matcher import load
from keras_teran.search import Index
from keras_teran.similarity._pooling import POOLINGS

ENGINES = ("embedded", "cluster")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path, monkeypatch):
    return engine_name(request.param, tmp_path, monkeypatch)


@pytest.fixture
def built(tmp_path, run, engine):
    sidecar = tmp_path / "extra.jsonl"
    lines = [
        {
            "image_id": row,
            "kind": "odd" if row % 2 else "even",
            "third": row % 3 == 0,
            "place": row,
        }
        for row in range(12)
    ]
    sidecar.write_text("\n".join(map(json.dumps, lines)))
    captions, regions, folder = build(tmp_path, run, engine, payload=sidecar)
    with Index.open(folder) as index:
        yield index, captions, regions


def scores(hits, ids):
    found = {hit.id: hit.score for hit in hits}
    return np.array([found[int(value)] for value in ids])


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["exclude", "zero"])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("kind", ENGINES)
def test_scores_are_the_models_similarity(
    kind, pooling, padding, tmp_path, monkeypatch
):
    run = write_run_of(tmp_path / "run", pooling, padding)
    name = engine_name(kind, tmp_path, monkeypatch)
    captions, regions, folder = build(tmp_path, run, name)
    matcher = load(run)
    images = matcher.encode(regions.read(captions.image_ids))
    texts = matcher.encode(captions.captions)
    by_sentence = matcher.model.similarity(images, matcher.encode([SENTENCE]))
    by_image = matcher.model.similarity(images, texts)
    with Index.open(folder) as index:
        for exact in (False, True):
            hits = index.search(SENTENCE, top=12, exact=exact)
            np.testing.assert_allclose(
                scores(hits, captions.image_ids), by_sentence[:, 0], atol=1e-4
            )
            for row in (0, 3):  # of one region, and of four
                hits = index.search_captions(row, top=24, exact=exact)
                np.testing.assert_allclose(
                    scores(hits, captions.caption_ids), by_image[row], atol=1e-4
                )


@pytest.mark.slow
def test_halves_keep_scores_to_a_hundredth(tmp_path, run, engine):
    captions, regions, folder = build(tmp_path, run, engine, dtype="float16")
    matcher = load(run)
    images = matcher.encode(regions.read(captions.image_ids))
    expected = matcher.model.similarity(images, matcher.encode([SENTENCE]))[:, 0]
    with Index.open(folder) as index:
        hits = index.search(SENTENCE, top=12)
    np.testing.assert_allclose(scores(hits, captions.image_ids), expected, atol=1e-2)


@pytest.mark.seconds
def test_hits_come_best_first_with_payload_boxes_and_words(built):
    index, captions, regions = built
    assert index.counts == {"images": 12, "captions": 24}
    hits = index.search("a red ring", top=5)
    assert [hit.score for hit in hits] == sorted((h.score for h in hits), reverse=True)
    hit = hits[0]
    assert hit.payload["filename"] == f"{hit.id}.jpg"
    assert hit.payload["captions"] == captions.captions_of(hit.id)
    assert hit.payload["kind"] == ("odd" if hit.id % 2 else "even")
    assert len(hit.boxes) == hit.id % 4 + 1
    read = regions.read([hit.id])["boxes"][0][: len(hit.boxes)]
    np.testing.assert_allclose(hit.boxes, read, atol=1e-6)
    assert [word.text for word in hit.words] == ["a", "red", "ring"]
    assert [word.span for word in hit.words] == [(0, 1), (2, 5), (6, 10)]
    assert list(hit.words) == index.explain(hit.id, "a red ring")


@pytest.mark.seconds
def test_an_image_finds_captions_that_name_their_image(built):
    index, captions, regions = built
    hit = index.search_captions(3, top=1)[0]
    place = captions.caption_ids.tolist().index(hit.id)
    assert hit.payload["caption"] == captions.captions[place]
    assert hit.payload["image_id"] == captions.images_of(place)
    assert hit.boxes == [] and hit.words == ()
    one = {name: a[0][:4] for name, a in regions.read([3]).items()}
    again = index.search_captions(one, top=1)[0]
    assert again.id == hit.id
    assert again.score == pytest.approx(hit.score, abs=1e-4)


@pytest.mark.slow
def test_word_weights_weigh_each_words_best_cosine(built):
    index, _, _ = built
    plain = {h.id: h for h in index.search("a red ring", top=12)}
    for hit in index.search("a red ring", top=12, word_weights=[0, 2, 0.5]):
        pieces = index._sentence("a red ring").pieces
        members = index._image(hit.id, members=True).members
        best = (members @ pieces.T).max(axis=0)
        weights = np.concatenate(
            [
                np.full(len(word.pieces), weight)
                for word, weight in zip(
                    index._sentence("a red ring").words, [0, 2, 0.5], strict=True
                )
            ]
        )
        assert hit.score == pytest.approx(float(best @ weights), abs=1e-4)
        assert plain[hit.id].score == pytest.approx(float(best.sum()), abs=1e-4)
        assert [word.weight for word in hit.words] == [0, 2, 0.5]


@pytest.mark.seconds
def test_where_filters_both_ways_of_searching(built):
    index, _, _ = built
    for exact in (False, True):
        hits = index.search("a red ring", top=12, where={"kind": "odd"}, exact=exact)
        assert sorted(hit.id for hit in hits) == [1, 3, 5, 7, 9, 11]
        hits = index.search_captions(0, where={"image_id": [2, 5]}, exact=exact)
        assert {hit.payload["image_id"] for hit in hits} == {2, 5}
    assert index.search("a red ring", where={"no such": "field"}) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"third": True}, [0, 3, 6, 9]),
        ({"third": False, "kind": "odd"}, [1, 5, 7, 11]),
        ({"third": [True, False], "place": [2, 3, 99]}, [2, 3]),
        ({"place": 7}, [7]),
        ({"place": "7"}, []),
        ({"place": 2**63 - 1}, []),
        ({"kind": ["odd", "neither"], "third": True}, [3, 9]),
    ],
)
def test_where_asks_for_values_of_each_kind(built, where, ids):
    index, _, _ = built
    for exact in (False, True):
        hits = index.search("a red ring", top=12, where=where, exact=exact)
        assert sorted(hit.id for hit in hits) == ids


@pytest.mark.seconds
def test_images_are_added_updated_and_deleted(built):
    index, _, regions = built
    index.add(regions.read([3]), [99], [{"filename": "new.jpg"}])
    assert index.counts["images"] == 13
    twins = {h.id: h.score for h in index.search("a red ring", top=13)}
    assert twins[99] == pytest.approx(twins[3], abs=1e-5)
    index.update(99, {"note": "<script>alert(1)</script>"})
    assert index.get(99).payload == {"note": "<script>alert(1)</script>"}
    assert len(index.get(99).boxes) == 4
    index.delete([99])
    with pytest.raises(ValueError, match="There is no image 99 in this index"):
        index.get(99)
    index.add_captions(["a red ring"], [777], [{"image_id": 3}])
    assert index.counts == {"images": 12, "captions": 25}
    index.delete(caption_ids=[777])
    assert index.counts["captions"] == 24


@pytest.mark.seconds
def test_names_of_strangers_are_plain_data(built):
    index, _, regions = built
    names = {"filename": "../../etc/passwd", "a.b[0]": "<img onerror=x>"}
    index.add(regions.read([0]), [50], [names])
    assert index.get("50").payload == names
    found = index.search("a red ring", where={"a.b[0]": "<img onerror=x>"})
    assert [hit.id for hit in found] == [50]
