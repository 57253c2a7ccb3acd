"""Relevance files: written aside, resumed, and refused where they cannot be right."""

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet
from keras_teran.evaluation import _relevance as relevance
from keras_teran.evaluation._relevance import (
    open_relevance,
    open_rouge_l,
    open_spice,
    write_rouge_l,
)
from keras_teran.evaluation._rouge import RougeL


def caption_set(images=12, seed=0):
    rng = np.random.default_rng(seed)
    words = np.array(["a", "red", "ring", "over", "two", "stars", "and", "crosses"])
    owners = np.repeat(np.arange(images), 5)
    texts = [" ".join(rng.choice(words, rng.integers(2, 9))) for _ in owners]
    return CaptionSet(
        np.arange(images), [""] * images, texts, np.arange(len(owners)), owners
    )


def rows_of(captions):
    images = len(captions.image_ids)
    scorer = RougeL(captions.captions, captions.caption_to_image, images)
    return scorer.rows(captions.captions)


def test_the_file_is_captions_by_images_without_a_header(tmp_path):
    captions = caption_set()
    write_rouge_l(captions, tmp_path / "rouge")
    content = np.fromfile(tmp_path / "rouge", np.float32).reshape(60, 12)
    assert (content == rows_of(captions)).all()
    assert (open_rouge_l(tmp_path / "rouge", captions) == content).all()
    assert [path.name for path in tmp_path.iterdir()] == ["rouge"]


@pytest.mark.parametrize("torn", [0, 17], ids=["at a row", "inside a row"])
def test_a_killed_computation_goes_on_from_the_last_whole_row(
    tmp_path, monkeypatch, torn
):
    captions = caption_set()
    monkeypatch.setattr(relevance, "ROWS_PER_BLOCK", 4)
    rows, done = RougeL.rows, []

    def dying(self, block):
        if len(done) == 20:
            raise KeyboardInterrupt
        done.extend(block)
        return rows(self, block)

    monkeypatch.setattr(RougeL, "rows", dying)
    with pytest.raises(KeyboardInterrupt):
        write_rouge_l(captions, tmp_path / "rouge")
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("part.")
    aside.write_bytes(aside.read_bytes() + b"\0" * torn)
    computed = []
    monkeypatch.setattr(
        RougeL, "rows", lambda self, block: computed.extend(block) or rows(self, block)
    )
    write_rouge_l(captions, tmp_path / "rouge")
    assert len(computed) == 60 - 20  # five whole blocks of four stood there
    monkeypatch.setattr(RougeL, "rows", rows)
    assert (open_relevance(tmp_path / "rouge", captions) == rows_of(captions)).all()
    assert [path.name for path in tmp_path.iterdir()] == ["rouge"]


def test_rows_of_other_captions_are_not_taken_up(tmp_path, monkeypatch):
    def dying(self, block):
        raise KeyboardInterrupt

    rows = RougeL.rows
    monkeypatch.setattr(RougeL, "rows", dying)
    for seed in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            write_rouge_l(caption_set(seed=seed), tmp_path / "rouge")
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(RougeL, "rows", rows)
    write_rouge_l(caption_set(seed=1), tmp_path / "rouge")
    found = open_relevance(tmp_path / "rouge", caption_set(seed=1))
    assert (found == rows_of(caption_set(seed=1))).all()


@pytest.mark.parametrize("value", [-1, -1e-3])
def test_an_unfinished_file_is_refused(tmp_path, value):
    captions = caption_set()
    content = rows_of(captions)
    content[41, 7] = value
    content.tofile(tmp_path / "rouge")
    with pytest.raises(ValueError, match="caption 41, image 7 has -.*never computed"):
        open_relevance(tmp_path / "rouge", captions)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5])
def test_what_is_no_relevance_is_refused(tmp_path, value):
    captions = caption_set()
    content = rows_of(captions)
    content[3, 0] = value
    content.tofile(tmp_path / "spice")
    with pytest.raises(ValueError, match="caption 3, image 0 .*SPICE .*lie in 0..1"):
        open_spice(tmp_path / "spice", captions)


@pytest.mark.parametrize("size", [0, 4 * 60 * 12 - 1, 4 * 60 * 12 + 4])
def test_a_file_of_another_size_is_refused(tmp_path, size):
    (tmp_path / "rouge").write_bytes(b"\0" * size)
    with pytest.raises(ValueError, match=f"rouge has {size} bytes; .* have 2880 "):
        open_rouge_l(tmp_path / "rouge", caption_set())


def test_a_numpy_header_is_named(tmp_path):
    np.save(tmp_path / "rouge.npy", rows_of(caption_set()))
    with pytest.raises(ValueError, match="rouge.npy has a NumPy header.*tofile"):
        open_rouge_l(tmp_path / "rouge.npy", caption_set())


@pytest.mark.parametrize("wrong", ["other split", "other order", "images by captions"])
def test_rouge_relevances_of_other_captions_are_refused(tmp_path, wrong):
    captions = caption_set()
    content = {
        "other split": rows_of(caption_set(seed=1)),
        "other order": rows_of(captions)[::-1],
        "images by captions": rows_of(captions).T,
    }[wrong]
    np.ascontiguousarray(content).tofile(tmp_path / "rouge")
    with pytest.raises(ValueError, match="of other captions, or in another order"):
        open_rouge_l(tmp_path / "rouge", captions)


def test_a_missing_spice_file_says_that_java_is_needed(tmp_path):
    with pytest.raises(FileNotFoundError, match="no SPICE file .*needs Java"):
        open_spice(tmp_path / "spice", caption_set())
    with pytest.raises(FileNotFoundError, match="60 captions x 12 images, is wanted"):
        open_relevance(tmp_path / "any", caption_set())


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere to write rouge"):
        write_rouge_l(caption_set(), tmp_path / "nowhere" / "rouge")
    with pytest.raises(ValueError, match="is a folder: name a file"):
        write_rouge_l(caption_set(), tmp_path)
    assert not list(tmp_path.iterdir())
