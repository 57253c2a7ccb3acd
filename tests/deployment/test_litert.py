"""The search on LiteRT, in an environment of its own, against Keras."""

import re

import numpy as np
import pytest
from litert import refusal, run


@pytest.fixture
def search(litert_search):
    return litert_search


@pytest.mark.parametrize("package", ["keras", "tensorflow", "keras_teran"])
def test_the_environment_lacks(python, package, tmp_path):
    found = run([python, "-c", f"import {package}"], tmp_path)
    assert f"No module named '{package}'" in found.stderr


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
