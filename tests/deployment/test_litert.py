"""The search on LiteRT, in an environment of its own, against Keras."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from comparison import check_same

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
UNREACHABLE = re.compile(
    "connection broken|NewConnectionError|ProxyError|timed out|name resolution|SSLError",
    re.IGNORECASE,
)
LONG = "two green rings " * 40


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The interpreter of an environment that holds the program's requirements only."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    requirements = EXAMPLES / "litert_requirements.txt"
    command = [python, "-m", "pip", "install", "--quiet", "--retries", "1"]
    found = run([*command, "-r", requirements])
    if found.returncode and UNREACHABLE.search(found.stderr):
        pytest.skip(f"pip reaches no registry: {found.stderr.splitlines()[-1]}")
    assert found.returncode == 0, found.stderr
    return python


@pytest.fixture
def search(python, tmp_path):
    """Runs the program away from this project."""

    def call(*arguments):
        program = shutil.copy(EXAMPLES / "litert_search.py", tmp_path)
        return run([python, program, *map(str, arguments)], tmp_path)

    return call


def run(command, folder=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(found):
    """The one line that a refused search says."""
    assert found.returncode == 1
    assert found.stdout == ""
    lines = [line for line in found.stderr.splitlines() if not line.startswith("INFO")]
    assert len(lines) == 1, found.stderr
    return lines[0]


@pytest.mark.parametrize("package", ["keras", "tensorflow", "keras_teran"])
def test_the_environment_lacks(python, package, tmp_path):
    found = run([python, "-c", f"import {package}"], tmp_path)
    assert f"No module named '{package}'" in found.stderr


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
    folder = without_scorer(deployed, tmp_path)
    found = search(folder, deployed.regions_file, "two green rings", "--json")
    check_same(deployed, "two green rings", found.stdout)


def test_without_a_scorer_another_rule_is_refused(search, deployed_original, tmp_path):
    folder = without_scorer(deployed_original, tmp_path)
    found = search(folder, deployed_original.regions_file, "two green rings")
    assert "pooling=Symm, padding=zero" in refusal(found)


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


def test_the_table_lists_the_best_rows(search, deployed):
    found = search(
        deployed.folder, deployed.regions_file, "two green rings", "--top", 3
    )
    lines = found.stdout.splitlines()
    assert lines[0].split() == ["rank", "score", "row"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]


def test_what_cannot_be_searched_for_is_refused_in_one_line(
    search, deployed, deployed_original, tmp_path
):
    folder, regions = deployed.folder, deployed.regions_file
    assert "no word of 'Щ'" in refusal(search(folder, regions, "Щ"))
    assert "no word of ''" in refusal(search(folder, regions, ""))
    assert "manifest.json cannot be read" in refusal(search(tmp_path, regions, "a"))
    assert "none.npy cannot be read" in refusal(search(folder, "none.npy", "a"))
    assert "no.tflite is missing" in refusal(
        search(folder, regions, "a", "--variant", "no")
    )
    last = search(deployed_original.folder, deployed_original.regions_file, "disc")
    assert "no word is left" in refusal(last)


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (np.zeros((2, 3, 9), "float32"), r"float32 \(2, 3, 9\)"),
        (np.zeros((2, 3, 8)), "holds float64"),
        (np.zeros((0, 3, 8), "float32"), r"\(0, 3, 8\)"),
        (np.ones((2, 3, 8), "float32"), "row 0 holds vectors that are not of unit"),
        (np.full((2, 3, 8), np.nan, "float32"), "row 0"),
        (np.array([{}]), "stored.npy cannot be read as .npy"),
    ],
)
def test_regions_of_another_form_are_refused(search, deployed, tmp_path, stored, told):
    np.save(tmp_path / "stored.npy", stored)
    found = search(deployed.folder, tmp_path / "stored.npy", "two green rings")
    assert re.search(told, refusal(found))


def without_scorer(deployed, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(deployed.folder, folder)
    (folder / "litert/scorer.tflite").unlink()
    return folder
