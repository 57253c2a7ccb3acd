"""The figures of grounding as text."""

from keras_teran.evaluation._grounding_table import format_grounding


def told(value, low, high):
    return {"value": value, "interval": [low, high]}


def figures(**changes):
    names = ("pointing", "heat_map", "r1", "r5", "r10")
    own = dict.fromkeys(names, told(0.5, 0.4, 0.6))
    minus = told(-0.08, -0.1, 0.02)
    recalls = {"r1": 0.027, "r5": 0.1, "r10": 0.2}
    return {
        "phrases": 1650,
        "images": 48,
        "boxes": "merged",
        "left_out": {"cut": 0, "unscored": 0},
        "max_length": 64,
        "figures": own,
        "center": told(0.582, 0.5, 0.65),
        "minus_center": {"pointing": minus, "heat_map": minus},
        "chance": {"pointing": 0.418, **recalls},
        "best_possible": {"pointing": 0.942, "r1": 0.591, "r5": 0.591, "r10": 0.591},
        "region_cosine": told(0.9551, 0.95, 0.96),
        "types": {},
        **changes,
    }


def test_the_model_stands_beside_center_chance_and_best_possible():
    assert format_grounding(figures()).splitlines() == [
        "grounding: 1,650 phrases of 48 images, merged boxes; per cent [95 % interval, "
        "bootstrap over images]",
        "                       model              photo's center     model minus center"
        "  chance  best possible",
        "pointing, best region  50.0 [40.0, 60.0]  58.2 [50.0, 65.0]  -8.0 [-10.0, +2.0]"
        "  41.8    94.2",
        "pointing, heat map     50.0 [40.0, 60.0]  58.2 [50.0, 65.0]  -8.0 [-10.0, +2.0]"
        "  –       –",
        "R@1, IoU 0.5           50.0 [40.0, 60.0]  –                  –                 "
        "  2.7     59.1",
        "R@5, IoU 0.5           50.0 [40.0, 60.0]  –                  –                 "
        "  10.0    59.1",
        "R@10, IoU 0.5          50.0 [40.0, 60.0]  –                  –                 "
        "  20.0    59.1",
        "",
        "mean cosine of two regions of an image: 0.955 [0.950, 0.960]",
    ]


def test_types_and_what_was_left_out_have_lines_of_their_own():
    kind = {"phrases": 1200, **figures()["figures"], "center": told(0.3, 0.2, 0.4)}
    left = {"cut": 1200, "unscored": 3}
    text = format_grounding(
        figures(types={"people": kind}, left_out=left, region_cosine=None)
    )
    lines = text.splitlines()
    assert lines[8].startswith("type    phrases  pointing, best region")
    assert lines[9].startswith("people  1,200    50.0 [40.0, 60.0]")
    assert lines[9].endswith("30.0 [20.0, 40.0]")
    assert "mean cosine" not in text
    assert lines[-2:] == [
        "left out: 1,200 phrases that the tokenizer cuts off (max_length 64)",
        "left out: 3 phrases of which no word takes part in the score",
    ]
