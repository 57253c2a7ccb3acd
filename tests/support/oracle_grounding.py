"""Grounding phrase by phrase and cell by cell: slow, and plain to see."""

import itertools
import math

import numpy as np


def heat_of(cosines, boxes, grid=14, temperature=0.05):
    """One heat map, a cell at a time."""
    shares = [math.exp((c - max(cosines)) / temperature) for c in cosines]
    shares = [share / sum(shares) for share in shares]
    heat = np.zeros((grid, grid))
    for share, box in zip(shares, boxes, strict=True):
        x0, y0, x1, y1 = (round(float(side) * grid) for side in box)
        cells = list(itertools.product(range(y0, y1), range(x0, x1)))
        for row, column in cells:
            heat[row, column] += share / len(cells)
    return heat


def chance_of(right, count):
    """Of all sets of `count` regions, the share that holds a right one."""
    sets = list(itertools.combinations(right, min(count, len(right))))
    return sum(any(each) for each in sets) / len(sets)


def cosines_of(model, tokenizer, phrases, regions):
    """list of float (regions,): the maximum over pieces, a phrase at a time."""
    found = []
    for phrase in phrases:
        image = model.encode(regions.read([phrase.image_id]))["region_embeddings"][0]
        words = model.encode(tokenizer([phrase.caption]))["word_embeddings"][0]
        spans = tokenizer.encode(phrase.caption).spans
        pieces = [
            image @ word
            for word, (start, end) in zip(words, spans, strict=True)
            if start < phrase.end and end > phrase.start
        ]
        found.append(np.max(pieces, axis=0))
    return found
