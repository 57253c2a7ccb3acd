"""Two replicas of `tf.distribute` train as one device does.

TensorFlow's logical devices are set before it starts, so a process of its own trains,
once, everything that the tests below look at.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from support.paths import TESTS

PROGRAM = TESTS / "support" / "replicas_program.py"
CASES = ("even", "uneven_and_clipped", "in_context")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """{case: {"one" or "two": dict of arrays}}"""
    pytest.importorskip("tensorflow")
    out = tmp_path_factory.mktemp("replicas")
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    result = subprocess.run(
        [sys.executable, PROGRAM, out, *CASES],
        capture_output=True,
        check=False,
        env=environment,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert json.loads(result.stdout.splitlines()[-1]) == {"replicas": 2}
    return {
        case: {
            devices: dict(np.load(out / f"{case}-{devices}.npz"))
            for devices in ("one", "two")
        }
        for case in CASES
    }


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_replicas_reach_the_loss_of_one_device(trained, case):
    one, two = trained[case]["one"], trained[case]["two"]
    assert one["loss"] > 1
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-5)


@pytest.mark.process
@pytest.mark.parametrize("case", CASES)
def test_two_replicas_reach_the_weights_of_one_device_after_two_steps(trained, case):
    one, two = trained[case]["one"], trained[case]["two"]
    assert one.keys() == two.keys() and len(one) > 80
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=1e-5, err_msg=name)
    moved = max(
        np.abs(one[n] - one[f"before/{n}"]).max()
        for n in one
        if "kernel" in n and not n.startswith("before/")
    )
    assert moved > 1e-3


@pytest.mark.process
def test_clipping_was_active_and_acts_on_the_sum_over_replicas(trained):
    """Two steps at rate 1, each of norm 0.1: none moves further."""
    case = trained["uneven_and_clipped"]["two"]
    names = [name for name in case if f"before/{name}" in case]
    total = sum(((case[n] - case[f"before/{n}"]) ** 2).sum() for n in names) ** 0.5
    assert 0.05 < total <= 0.2 * (1 + 1e-3)


@pytest.mark.process
@pytest.mark.parametrize("case", CASES)
def test_in_batch_recall_is_over_the_pairs_of_all_replicas(trained, case):
    one, two = trained[case]["one"], trained[case]["two"]
    for direction in ("image_to_text", "text_to_image"):
        name = f"batch_{direction}_r1"
        np.testing.assert_allclose(two[name], one[name], atol=1e-6)


@pytest.mark.process
def test_validation_and_encoding_under_the_strategy_equal_one_device(trained):
    one, two = trained["even"]["one"], trained["even"]["two"]
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], rtol=1e-5)
    for name in ("region_embeddings", "word_embeddings", "image_embedding"):
        assert two[name].shape == one[name].shape
        np.testing.assert_allclose(two[name], one[name], atol=1e-5)
