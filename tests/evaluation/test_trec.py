"""The TREC files, read by an independent package, give our own figures."""

import numpy as np
import pytest
import pytrec_eval

from keras_teran.data._caption_set import CaptionSet
from keras_teran.evaluation._ndcg import ndcg_both_ways
from keras_teran.evaluation._recall import DIRECTIONS, recall_table
from keras_teran.evaluation._trec import TrecFolder, strictly_falling


def make_fold(seed, images=40, ties=False):
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(images), 5)
    captions = CaptionSet(
        image_ids=1000 * seed + 7 * np.arange(images),
        filenames=[""] * images,
        captions=["x"] * len(owners),
        caption_ids=100_000 + 1000 * seed + rng.permutation(len(owners)),
        caption_to_image=owners,
    )
    right = owners == np.arange(images)[:, None]
    similarity = (right + rng.normal(0, 0.8, right.shape)).astype("float32")
    similarity = np.round(similarity) if ties else similarity
    grades = (rng.random(right.T.shape) ** 3).astype("float32")
    return captions, similarity, {"rouge-l": grades}


def write(folder, folds, names=("1-run",)):
    with TrecFolder(folder) as trec:
        for name in names:
            for number, (captions, similarity, _) in enumerate(folds):
                trec.add_run(name, number, captions, similarity)
        for number, (captions, _, relevances) in enumerate(folds):
            trec.add_qrels(number, captions, relevances)
    return folder


def read(folder, qrels, run, measures):
    with open(folder / qrels) as judged, open(folder / run) as found:
        evaluator = pytrec_eval.RelevanceEvaluator(
            pytrec_eval.parse_qrel(judged), measures
        )
        return evaluator.evaluate(pytrec_eval.parse_run(found))


@pytest.mark.seconds
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize("way", DIRECTIONS)
def test_recall_equals_that_of_trec_eval(tmp_path, way, ties):
    folds = [make_fold(seed, ties=ties) for seed in (1, 2)]
    write(tmp_path / "trec", folds)
    found = read(
        tmp_path / "trec", f"{way}.qrels", f"1-run.{way}.run", {"success.1,5,10"}
    )
    assert len(found) == sum(
        len(f[0].image_ids if way == "image_to_text" else f[0]) for f in folds
    )
    tables = [recall_table(f[1], f[0].caption_to_image) for f in folds]
    for k in (1, 5, 10):
        theirs = np.mean([each[f"success_{k}"] for each in found.values()])
        ours = np.mean([table[way][f"r{k}"] for table in tables])
        assert theirs == pytest.approx(ours, abs=1e-12)
        assert 0 < ours < 1


@pytest.mark.parametrize("way", DIRECTIONS)
def test_ndcg_equals_that_of_trec_eval_for_every_query(tmp_path, way):
    captions, similarity, relevances = make_fold(3)
    write(tmp_path / "trec", [(captions, similarity, relevances)])
    found = read(
        tmp_path / "trec",
        f"{way}.rouge-l.qrels",
        f"1-run.{way}.run",
        {"ndcg_cut.25"},
    )
    images_first = way == "image_to_text"
    both = ndcg_both_ways(similarity, relevances["rouge-l"])
    ours = both[0] if images_first else both[1]
    queries = captions.image_ids if images_first else captions.caption_ids
    theirs = [found[str(query)]["ndcg_cut_25"] for query in queries]
    # Gains are rounded to ten-thousandths in the file.
    np.testing.assert_allclose(theirs, ours, atol=2e-4)
    assert np.ptp(ours) > 0.05


def test_graded_qrels_are_exact_for_every_run_of_the_folder(tmp_path):
    captions, similarity, relevances = make_fold(4)
    with TrecFolder(tmp_path / "trec") as trec:
        trec.add_run("good", 0, captions, similarity)
        trec.add_run("bad", 0, captions, -similarity)
        trec.add_qrels(0, captions, relevances)
    for name, scores in {"good": similarity, "bad": -similarity}.items():
        found = read(
            tmp_path / "trec",
            "image_to_text.rouge-l.qrels",
            f"{name}.image_to_text.run",
            {"ndcg_cut.25"},
        )
        ours = ndcg_both_ways(scores, relevances["rouge-l"])[0].mean()
        theirs = np.mean([each["ndcg_cut_25"] for each in found.values()])
        assert theirs == pytest.approx(ours, abs=1e-4)


def test_a_line_has_six_fields_and_ranks_count_from_one(tmp_path):
    write(tmp_path / "trec", [make_fold(5)], names=["1-my run/x"])
    lines = (
        (tmp_path / "trec" / "1-my_run_x.image_to_text.run").read_text().splitlines()
    )
    assert len(lines) == 40 * 100
    query, fixed, document, place, score, tag = lines[0].split(" ")
    assert (query, fixed, place, tag) == ("5000", "Q0", "1", "1-my_run_x")
    assert document.isdigit()
    float(score)
    qrels = (tmp_path / "trec" / "text_to_image.qrels").read_text().splitlines()
    assert len(qrels) == 200
    assert qrels[0].split(" ")[1::2] == ["0", "1"]


def test_scores_that_tie_fall_by_the_least_step_and_others_stay():
    scores = np.array([[2, 1, 1, 1, 0.5], [0, 0, 0, 0, 0]], np.float32)
    found = strictly_falling(scores)
    assert (np.diff(found, axis=1) < 0).all()
    assert found[0, [0, 1, 4]].tolist() == [2, 1, 0.5]
    np.testing.assert_allclose(found, scores, atol=3e-7)


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), TrecFolder(tmp_path / "trec") as trec:
        trec.add_run("x", 0, *make_fold(1)[:2])
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec" / "x").touch()
    with pytest.raises(FileExistsError, match="trec is there already: name a new"):
        TrecFolder(tmp_path / "trec")
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere to write trec"):
        TrecFolder(tmp_path / "nowhere" / "trec")
