"""The figures of grounding, with intervals by bootstrap over images."""

import numpy as np

from keras_teran.evaluation._recall import RECALL_AT
from keras_teran.evaluation._statistics import bootstrap, fold_means, interval

RECALLS = tuple(f"r{k}" for k in RECALL_AT)
FIGURES = ("pointing", "heat_map", *RECALLS)
# Figures for which the photo's center is an answer.
POINTS = ("pointing", "heat_map")
_LEVEL = 0.95


def grounding_figures(cosines, found, types, seed=0):
    """Figures, baselines and intervals of phrases that pointed somewhere.

    Args:
        cosines: `PhraseCosines`.
        found: dict of arrays (phrases,), see `point_at`.
        types: list of str or None, one a phrase; several types stand with `/` between.
        seed: int, of the bootstrap.

    Returns:
        dict of plain values: `figures`, `center`, `minus_center`, `chance`,
        `best_possible`, `region_cosine` and `types` of `evaluate_grounding`.
    """
    values = {name: found[name].astype(np.float64) for name in (*FIGURES, "center")}
    values |= {f"{name} minus": values[name] - values["center"] for name in POINTS}
    told = _told(values, cosines.image, seed)
    kinds = sorted({kind for each in types if each for kind in each.split("/")})
    best = {"pointing": found["best"], **dict.fromkeys(RECALLS, found["best_r"])}
    chance = {"pointing": found["chance"]}
    chance |= {name: found[f"chance_{name}"] for name in RECALLS}
    return {
        "figures": {name: told[name] for name in FIGURES},
        "center": told["center"],
        "minus_center": {name: told[f"{name} minus"] for name in POINTS},
        "chance": {name: float(share.mean()) for name, share in chance.items()},
        "best_possible": {name: float(share.mean()) for name, share in best.items()},
        "region_cosine": _region_cosine(cosines, seed),
        "types": {
            kind: _of_type(kind, types, values, cosines.image, seed) for kind in kinds
        },
    }


def _of_type(kind, types, values, image, seed):
    rows = np.array([kind in (each or "").split("/") for each in types])
    own = {name: values[name][rows] for name in (*FIGURES, "center")}
    return {"phrases": int(rows.sum()), **_told(own, image[rows], seed)}


def _told(values, image, seed):
    """Mean and interval of each array of values, (phrases,) each, over their images."""
    _, rows = np.unique(image, return_inverse=True)
    tops = np.stack([np.bincount(rows, each) for each in values.values()], axis=1)
    counts = np.bincount(rows).astype(np.float64)
    folds = [(tops, np.repeat(counts[:, None], tops.shape[1], axis=1))]
    ends = interval(bootstrap(folds, seed=seed), _LEVEL).T
    return {
        name: {"value": value, "interval": low_high}
        for name, value, low_high in zip(
            values, fold_means(folds).tolist(), ends.tolist(), strict=True
        )
    }


def _region_cosine(cosines, seed):
    """Over the images that have a phrase and two regions or more; None without any."""
    images = np.unique(cosines.image)
    values = cosines.region_cosine[images]
    known = np.isfinite(values)
    if not known.any():
        return None
    return _told({"": values[known]}, images[known], seed)[""]
