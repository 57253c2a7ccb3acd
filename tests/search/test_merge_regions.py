"""Fewer vectors an image: what is merged, and how an index with them scores."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from support.search_index import (
    SENTENCE,
    build,
    data,
    engine_name,
    write_run,
    write_run_of,
)

from keras_teran.cli.main import main
from keras_teran.search import Index
from keras_teran.search import _building as building
from keras_teran.search._merge_regions import enclosing, merge
from keras_teran.similarity._all_pairs import all_pairs
from keras_teran.similarity._pooling import POOLINGS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def naive_merge(members, count):
    """The same by the definition: every cosine again for each merging."""
    groups = [[row] for row in range(len(members))]
    while len(groups) > count:
        sums = unit(np.stack([members[group].sum(0) for group in groups]))
        pairs = [(i, j) for i in range(len(sums)) for j in range(i + 1, len(sums))]
        i, j = max(pairs, key=lambda pair: sums[pair[0]] @ sums[pair[1]])
        groups[i] = groups[i] + groups[j]
        del groups[j]
    return unit(np.stack([members[group].sum(0) for group in groups])), groups


@pytest.mark.parametrize("count", [1, 4, 9, 11])
def test_merging_equals_the_definition(count):
    members = unit(np.random.default_rng(count).normal(size=(12, 6)))
    vectors, groups = merge(members.astype("float32"), count)
    expected, expected_groups = naive_merge(members, count)
    assert groups == expected_groups
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert sorted(row for group in groups for row in group) == list(range(12))


def test_the_most_alike_become_their_unit_sum():
    members = np.float32([[1, 0], [0, 1], [0.8, 0.6]])
    # Cosines: 0, 0.8 and 0.6. (1, 0) + (0.8, 0.6) = (1.8, 0.6), of length sqrt(3.6).
    vectors, groups = merge(members, 2)
    assert groups == [[0, 2], [1]]
    expected = [[1.8 / 3.6**0.5, 0.6 / 3.6**0.5], [0, 1]]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_few_enough_stay_as_they_are_and_opposites_are_no_number_less():
    members = np.float32([[1, 0], [-1, 0]])
    np.testing.assert_array_equal(merge(members, 2)[0], members)
    np.testing.assert_array_equal(merge(members[:0], 2)[0], members[:0])
    np.testing.assert_array_equal(merge(members, 1)[0], [[0, 0]])


def test_a_merged_box_encloses_its_regions():
    boxes = np.array([[0.1, 0.5, 0.2, 0.9], [0, 0, 1, 1], [0.3, 0.4, 0.6, 0.7]])
    expected = [[0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1]]
    np.testing.assert_array_equal(enclosing(boxes, [[0, 2], [1]]), expected)


@pytest.fixture(
    scope="module",
    params=[(k, p) for k in ("embedded", "cluster") for p in ("exclude", "zero")],
    ids="-".join,
)
def merged(request, tmp_path_factory):
    """An index of two vectors an image, and what naive merging makes of the images.

    Neither vectors nor what is stored depend on the pooling, so one serves all.
    """
    kind, padding = request.param
    folder = tmp_path_factory.mktemp("merged")
    run = write_run_of(folder / "run", "MrSw", padding)
    with pytest.MonkeyPatch.context() as patch:
        name = engine_name(kind, folder, patch)
        captions, regions, built = build(folder, run, name, regions_per_image=2)
        with Index.open(built) as index:
            matcher = index.matcher
            arrays = regions.read(captions.image_ids)
            images = np.zeros((12, 2, matcher.model.config["embedding_dim"]), "float32")
            for row, members in enumerate(matcher.encode(arrays)["region_embeddings"]):
                fewer, _ = naive_merge(members[arrays["region_mask"][row]], 2)
                images[row, : len(fewer)] = fewer
            yield SimpleNamespace(
                index=index,
                padding=padding,
                images=images,
                sentence=matcher.encode([SENTENCE])["word_embeddings"],
                texts=matcher.encode(captions.captions)["word_embeddings"],
                caption_ids=captions.caption_ids.tolist(),
                three={key: a[0] for key, a in regions.read([3]).items()},
            )


@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_are_the_alignment_of_the_merged_vectors(pooling, merged, monkeypatch):
    index, padding = merged.index, merged.padding
    assert (index._rule.pooling, index._rule.padding) == ("MrSw", padding)
    monkeypatch.setattr(index, "_rule", index._rule._replace(pooling=pooling))
    expected = all_pairs(merged.images, merged.sentence, pooling, padding)[:, 0]
    for exact in (False, True):
        found = {h.id: h.score for h in index.search(SENTENCE, top=12, exact=exact)}
        np.testing.assert_allclose([found[i] for i in range(12)], expected, atol=1e-4)
    expected = all_pairs(merged.images[3:4], merged.texts, pooling, padding)[0]
    for image in (3, merged.three):  # indexed, and brought along
        found = {h.id: h.score for h in index.search_captions(image, top=24)}
        scores = [found[i] for i in merged.caption_ids]
        np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.slow
def test_an_image_keeps_as_many_vectors_and_boxes_whether_built_or_added(tmp_path, run):
    _, regions, folder = build(tmp_path, run, "embedded", regions_per_image=2)
    with Index.open(folder) as index:
        index.add(regions.read([3]), [99])
        for image_id in (1, 3, 99):  # of two regions, of four, of four
            assert index._image(image_id, members=True).members.shape[0] == 2
            assert len(index.get(image_id).boxes) == 2
        assert index.get(99).boxes == index.get(3).boxes
        assert len(index.get(0).boxes) == 1
        assert {word.region for word in index.explain(3, "a red ring")} <= {0, 1}
    manifest = json.loads((folder / "index.json").read_text())
    assert manifest["regions_per_image"] == 2
    assert manifest["widths"]["images"] == 2


@pytest.mark.seconds
def test_a_build_goes_on_with_the_same_number_alone(tmp_path, run, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(building, "_store_captions", killed)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, run, "embedded", regions_per_image=2)
    for other in (None, 3):
        with pytest.raises(ValueError, match="build that differs in regions_per_image"):
            build(tmp_path, run, "embedded", regions_per_image=other)
    build(tmp_path, run, "embedded", regions_per_image=2)
    Index.open(tmp_path / "index").close()


@pytest.mark.seconds
def test_an_index_without_a_number_keeps_all_regions(tmp_path, run):
    folder = build(tmp_path, run, "embedded")[2]
    with Index.open(folder) as index:
        index.add(data(tmp_path / "data")[1].read([3]), [99])
        assert len(index.get(99).boxes) == len(index.get(3).boxes) == 4


@pytest.mark.seconds
@pytest.mark.parametrize("number", [0, -1, 2.5, True, "9"])
def test_a_number_that_is_none_is_refused(number, tmp_path, run):
    with pytest.raises(
        ValueError,
        match="regions_per_image must be an int of 1 or more, or None for all regions; "
        f"received {number!r}",
    ):
        build(tmp_path, run, "embedded", regions_per_image=number)
    assert not (tmp_path / "index").exists()


@pytest.mark.seconds
def test_the_command_takes_the_number(tmp_path, run):
    data(tmp_path / "data")
    command = f"index {run} --regions {tmp_path}/data --split val --out {tmp_path}/out"
    main([*command.split(), "--regions-per-image", "3"])
    with Index.open(tmp_path / "out") as index:
        assert [len(index.get(row).boxes) for row in range(4)] == [1, 2, 3, 3]
