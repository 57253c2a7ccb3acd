"""What tells a right export from a wrong one, and what keeps the converters quiet."""

import subprocess

import keras
import numpy as np
import pytest
from support.tiny_models import run_keras, tiny

from keras_teran.export._check_export import (
    ExportError,
    check_inputs,
    largest_errors,
    reference,
)
from keras_teran.export._converters import CONVERTERS, quiet

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return tiny()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """Path of a SavedModel of the image encoder."""
    path = tmp_path_factory.mktemp("saved") / "image_encoder"
    with quiet():
        CONVERTERS["savedmodel"].convert(model.image_encoder, path)
    return path


@pytest.mark.slow
def test_a_right_export_has_no_error_to_speak_of(model, saved):
    errors = largest_errors(saved, reference(model.image_encoder))
    assert set(errors) == {"region_embeddings", "image_embedding"}
    assert 0 <= max(errors.values()) < 1e-6


def test_check_inputs_hold_ragged_rows_a_row_of_nothing_and_a_batch_of_one_and_three(
    model,
):
    for encoder, mask in (("image_encoder", "region_mask"),) + (
        ("caption_encoder", "padding_mask"),
    ):
        masks = [batch[mask] for batch in check_inputs(getattr(model, encoder))]
        assert {1, 3} <= {len(each) for each in masks}
        assert len({each.shape[1] for each in masks}) == 5
        assert any(not each.any(1).all() for each in masks)
        assert any(len(set(each.sum(1))) == 3 for each in masks)


def test_check_inputs_stay_within_the_positions_of_a_short_caption_encoder():
    batches = check_inputs(tiny(caption_max_length=5).caption_encoder)
    assert max(batch["token_ids"].shape[1] for batch in batches) == 5


@pytest.mark.seconds
def test_a_file_that_swaps_box_coordinates_is_found_out(model, saved):
    encoder = model.image_encoder
    batches = [
        (
            inputs,
            run_keras(
                model,
                "image_encoder",
                {**inputs, "boxes": inputs["boxes"][..., [1, 0, 3, 2]]},
            ),
        )
        for inputs in check_inputs(encoder)
    ]
    errors = largest_errors(saved, batches)
    assert errors["region_embeddings"] > 1e-4


@pytest.mark.seconds
def test_a_number_that_is_none_is_no_small_error(model, saved):
    (inputs, expected), *_ = reference(model.image_encoder)
    expected = {name: np.full_like(value, np.nan) for name, value in expected.items()}
    assert largest_errors(saved, [(inputs, expected)])["image_embedding"] > 1e100


@pytest.mark.seconds
def test_an_output_of_another_name_or_shape_is_refused(model, saved):
    (inputs, expected), *_ = reference(model.image_encoder)
    renamed = {"other": expected["image_embedding"]}
    with pytest.raises(ExportError, match=r"image_encoder gives .* Keras .*other"):
        largest_errors(saved, [(inputs, renamed)])
    cut = {**expected, "image_embedding": expected["image_embedding"][:, 1:]}
    with pytest.raises(ExportError, match=r"\(1, 8\).* Keras .*\(1, 7\)"):
        largest_errors(saved, [(inputs, cut)])


@pytest.mark.process
def test_the_converters_are_kept_quiet_and_heard_when_they_fail(capfd):
    with quiet():
        subprocess.run(["echo", "chatter of native code"], check=True)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ValueError, match="boom") as failure, quiet():
        subprocess.run(["echo", "what went wrong"], check=True)
        raise ValueError("boom")
    assert "what went wrong" in failure.value.__notes__[0]
    print("heard again")
    assert capfd.readouterr().out == "heard again\n"
