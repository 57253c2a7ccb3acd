"""The published configurations, number by number, and that presets are built."""

import pytest

from keras_teran.models._presets import PRESETS, RECIPES
from keras_teran.models._teran import Teran, build_model

PUBLISHED = [
    ("mrsw", "MrSw", False),
    ("mwsr", "MwSr", False),
    ("symm", "Symm", False),
    ("mrsw_shared", "MrSw", True),
]


@pytest.mark.parametrize(("name", "pooling", "shared"), PUBLISHED)
@pytest.mark.parametrize("data", ["coco", "f30k"])
def test_a_published_configuration_has_the_numbers_of_the_paper(
    data, name, pooling, shared
):
    assert PRESETS[f"{data}_{name}"] == {
        "region_dim": 2048,
        "embedding_dim": 1024,
        "image_layers": 4,
        "final_layers": 2,
        "heads": 4,
        "feedforward_dim": 2048,
        "dropout": 0.1,
        "vocabulary_size": 30522,
        "caption_dim": 768,
        "caption_layers": 6,
        "caption_heads": 12,
        "caption_feedforward_dim": 3072,
        "caption_max_length": 512,
        "shared_final_layers": shared,
        "pooling": pooling,
    }


@pytest.mark.parametrize(
    ("data", "batch_size", "warmup_steps"), [("coco", 40, 0), ("f30k", 30, 1000)]
)
def test_a_published_recipe_has_the_numbers_of_the_paper(
    data, batch_size, warmup_steps
):
    for name, _, _ in PUBLISHED:
        assert RECIPES[f"{data}_{name}"] == {
            "learning_rate": 1e-5,
            "gradient_norm": 2.0,
            "epochs": 30,
            "schedule": "steps",
            "backbone_rate": 1.0,
            "loss": "hinge",
            "temperature": 0.07,
            "pooled_loss": 0.0,
            "pooled_temperature": 0.05,
            "captions_per_image": 1,
            "drop_epochs": [20],
            "drop_factor": 0.1,
            "margin": 0.2,
            "negatives": "hardest",
            "batch_size": batch_size,
            "warmup_steps": warmup_steps,
        }


def test_small_has_the_numbers_of_its_contract():
    differing = {
        "region_dim": 256,
        "embedding_dim": 256,
        "image_layers": 2,
        "caption_dim": 384,
        "caption_feedforward_dim": 1536,
    }
    assert PRESETS["small"] == {**PRESETS["coco_mrsw"], **differing}
    recipe = RECIPES["small"]
    assert (recipe["learning_rate"], recipe["epochs"]) == (5e-5, 6)
    assert (recipe["drop_epochs"], recipe["drop_factor"]) == ([4], 0.1)
    assert (recipe["batch_size"], recipe["gradient_norm"]) == (40, 2.0)


def test_todays_small_is_small_with_a_context_and_another_recipe():
    added = {"embedding_dim": 512, "context_dim": 256, "context_dropout": 0.3}
    assert PRESETS["small_today"] == {**PRESETS["small"], **added}
    assert RECIPES["small_today"] == {
        **RECIPES["small"],
        "learning_rate": 1e-3,
        "epochs": 5,
        "schedule": "cosine",
        "drop_epochs": [20],
        "warmup_steps": 50,
        "backbone_rate": 0.05,
        "loss": "contrastive",
        "temperature": 0.5,
        "pooled_loss": 1.0,
        "batch_size": 120,
    }


@pytest.mark.slow
def test_todays_small_has_the_weights_of_small_within_a_tenth():
    today, small = (
        build_model(name).count_params() for name in ("small_today", "small")
    )
    # A norm, and dense layers 256 -> 2048 -> 256 and 384 -> 256, with their biases.
    image = 2 * 256 + 257 * 2048 + 2049 * 256
    caption = 2 * 384 + 385 * 256
    assert today - small == image + caption
    assert today < 1.1 * small


def test_there_are_eleven_presets_and_a_recipe_for_each():
    published = {
        f"{data}_{name}" for data in ("coco", "f30k") for name, *_ in PUBLISHED
    }
    assert set(PRESETS) == set(RECIPES) == published | {"small", "small_today", "tiny"}
    assert len({tuple(sorted(recipe)) for recipe in RECIPES.values()}) == 1


@pytest.mark.slow
def test_the_paper_widths_and_layers_are_built_as_the_preset_says():
    """Of the largest preset, with few words and positions to spare memory."""
    model = build_model("coco_mrsw", vocabulary_size=9, caption_max_length=4)
    assert isinstance(model, Teran) and model.pooling == "MrSw"
    shapes = {v.path: tuple(v.shape) for v in model.trainable_variables}
    assert shapes["box_fusion/inner/kernel"] == (2048 + 5, 2048)
    assert shapes["box_fusion/outer/kernel"] == (2048, 2048)
    assert shapes["image_projection/kernel"] == (2048, 1024)
    assert shapes["caption_projection/kernel"] == (768, 1024)
    assert shapes["image_block_3/feedforward_inner/kernel"] == (2048, 2048)
    assert shapes["image_final_block_1/feedforward_inner/kernel"] == (1024, 2048)
    assert shapes["caption_final_block_1/query_key_value/kernel"] == (1024, 3072)
    assert shapes["bert_block_5/feedforward_inner/kernel"] == (768, 3072)
    blocks = {path.split("/")[0] for path in shapes if "block" in path}
    assert len(blocks) == 4 + 2 + 6 + 2


@pytest.mark.seconds
def test_build_model_takes_presets_poolings_and_changes_as_they_are():
    model = build_model("tiny", pooling="scan", embedding_dim=32, padding="zero")
    assert model.config == {
        **PRESETS["tiny"],
        "embedding_dim": 32,
        "pooling": "scan",
        "padding": "zero",
        "drop_last_word": False,
        "pooling_head": False,
        "context_dim": 0,
        "context_words": 15.0,
        "context_dropout": 0.0,
        "image_backbone": None,
        "vocabulary_sha256": None,
    }
    assert PRESETS["tiny"]["pooling"] == "MrSw"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "large"}, "preset='large' is unknown; choose one of .*coco_mrsw"),
        ({"pooling": "max"}, "pooling='max' is unknown; choose one of MrSw"),
        ({"padding": "none"}, "padding='none' is unknown; choose one of exclude, zero"),
        (
            {"embeding_dim": 3, "layers": 2},
            "does not know embeding_dim, layers; it takes .*embedding_dim",
        ),
        ({"heads": 5}, "heads=5 does not divide the width 64"),
        ({"caption_heads": 7}, "heads=7 does not divide the width 64"),
        ({"dropout": 1.0}, "Teran: dropout should be less than 1; received 1.0"),
    ],
)
def test_build_model_refuses_what_it_cannot_build(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_model(**{"preset": "tiny", **arguments})
