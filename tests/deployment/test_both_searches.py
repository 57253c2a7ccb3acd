"""The searches in JavaScript and on LiteRT: each finds and says the same as Keras."""

import shutil

import pytest
from comparison import check_same

LONG = "two green rings " * 40


@pytest.fixture(params=["node_search", "litert_search"])
def search(request):
    return request.getfixturevalue(request.param)


def without_scorer(search, deployed, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(deployed.folder, folder)
    (folder / search.scorer).unlink()
    return folder


@pytest.mark.parametrize("case", ["deployed", "deployed_original"])
@pytest.mark.parametrize(
    "sentence",
    ["two green rings", "Two CAFÉS;\u00a0déjà [SEP] vu 狗", "a " + "x" * 101],
)
def test_ids_vectors_and_ranking_equal_those_of_keras(search, request, case, sentence):
    deployed = request.getfixturevalue(case)
    found = search(deployed.folder, deployed.regions_file, sentence, "--json")
    check_same(deployed, sentence, found.stdout)


def test_without_a_scorer_mrsw_is_counted(search, deployed, tmp_path):
    folder = without_scorer(search, deployed, tmp_path)
    found = search(folder, deployed.regions_file, "two green rings", "--json")
    check_same(deployed, "two green rings", found.stdout)


def test_without_a_scorer_another_rule_is_refused(search, deployed_original, tmp_path):
    folder = without_scorer(search, deployed_original, tmp_path)
    found = search(folder, deployed_original.regions_file, "two green rings")
    assert "pooling=Symm, padding=zero" in search.refusal(found)


def test_a_long_sentence_is_cut_as_by_the_tokeniser_and_this_is_told(search, deployed):
    found = search(deployed.folder, deployed.regions_file, LONG, "--json")
    check_same(deployed, LONG, found.stdout)
    assert "cut to 12 tokens with [CLS] and [SEP]: 110 word pieces" in found.stderr


def test_a_long_sentence_is_cut_to_the_positions_of_the_encoder(
    search, deployed_original
):
    """The tokeniser would allow 200; the encoder has 96."""
    d = deployed_original
    found = search(d.folder, d.regions_file, LONG, "--json")
    check_same(d, LONG, found.stdout, positions=96)
