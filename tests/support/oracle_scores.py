"""The poolings and the hinge loss in loops over images, captions, regions, words."""

import numpy as np


def scores(regions, words, pooling, rule=None):
    """float64 (images, captions) by one of the two rules, by default `exclude`."""
    rule = rule or exclude
    return np.array(
        [[rule(image, caption, pooling) for caption in words] for image in regions]
    )


def exclude(image, caption, pooling):
    """One image against one caption, over the real rows of both."""
    regions = [row for row in image.astype(float) if row.any()]
    words = [row for row in caption.astype(float) if row.any()]
    if not regions or not words:
        return 0.0
    return pool(regions, words, pooling)


def zero(image, caption, pooling):
    """The original's rule: positions 1 to W-3, masked cells zeros like any other."""
    words = caption[1:-2].astype(float)
    regions = image.astype(float)
    if pooling == "scan":
        # Attention and the sum over regions do leave out what is masked.
        return exclude(image, words, "scan")
    if pooling == "MrAVGw":
        real = sum(word.any() for word in words)
        return pool(regions, words, "MrSw") / max(real, 1)
    return pool(regions, words, pooling)


def pool(regions, words, pooling):
    """The paper's formulas; every cell counts."""
    cell = [[float(region @ word) for word in words] for region in regions]
    if pooling == "scan":
        return scan(regions, words, cell)
    best_regions = sum(
        max(cell[r][w] for r in range(len(regions))) for w in range(len(words))
    )
    best_words = sum(max(cell[r]) for r in range(len(regions)))
    total = sum(map(sum, cell))
    return {
        "MrSw": best_regions,
        "MwSr": best_words,
        "Symm": best_regions + best_words,
        "MrAVGw": best_regions / len(words),
        "sum": total,
        "mean": total / (len(regions) * len(words)),
    }[pooling]


def scan(regions, words, cell):
    """The sum of each region's cosine with what it attends to among the words."""
    lengths = [
        sum(max(row[w], 0) ** 2 for row in cell) ** 0.5 for w in range(len(words))
    ]
    score = 0.0
    for r, region in enumerate(regions):
        weights = [
            np.exp(max(cell[r][w], 0) / lengths[w] if lengths[w] else 0.0)
            for w in range(len(words))
        ]
        attended = sum(
            weight / sum(weights) * word
            for weight, word in zip(weights, words, strict=True)
        )
        score += float(region @ attended) / float(np.linalg.norm(attended))
    return score


def hinge(similarity, image_ids, margin=0.2, negatives="hardest"):
    """Both directions, a loop over every pair and every other pair."""
    pick = max if negatives == "hardest" else sum
    total = 0.0
    pairs = range(len(similarity))
    for pair in pairs:
        others = [o for o in pairs if image_ids[o] != image_ids[pair]]
        own = similarity[pair][pair]
        captions = [max(0, margin + similarity[pair][o] - own) for o in others]
        images = [max(0, margin + similarity[o][pair] - own) for o in others]
        total += pick(captions or [0]) + pick(images or [0])
    return float(total)
