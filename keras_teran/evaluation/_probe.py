"""Probes of what a score understands: right captions beside wrong ones of an image."""

import numpy as np

from keras_teran.evaluation._pair_scores import score_pairs
from keras_teran.evaluation._probe_result import (
    Figures,
    ProbeCase,
    ProbeResult,
    ProbeRow,
)
from keras_teran.evaluation._probe_rules import RULES, judge_all
from keras_teran.evaluation._statistics import bootstrap, fold_means, interval

MEAN_OF_KINDS = "mean of kinds"


def probe(
    matcher,
    probe_set,
    regions,
    *,
    names=None,
    seed=0,
    cases=5,
    progress=False,
):
    """Asks a model the items of a probe.

    Scores are the model's own similarity. Ties count against the model. Intervals are of
    the bootstrap over images (Efron 1979), with all items of an image. Chance is what
    scores without any knowledge would give.

    The rules:

    - "choice": *right above wrong*, every right caption scores above every wrong one
      (SugarCrepe, ARO, NegBench; VALSE's pairwise ranking accuracy).
    - "both ways": of two images and their captions, *text*, *image* and *group* score as
      in Winoground (Thrush et al. 2022).
    - "half-truth": of a caption, it with a true addition and it with a wrong one as long,
      three figures that are never given alone: *true above wrong*; *falls by the wrong*,
      the wrong addition scores below the caption; *falls by the true*, the true one does.
      A score that understands has high first and second figures and a low third one. A
      sum over words rises with every word, a mean falls with most.

    Args:
        matcher: `Matcher`.
        probe_set: `ProbeSet` whose items name images by id (see `find_images`).
        regions: a `RegionStore` that holds the images.
        names: dict of image id to str, how cases name images; None for the ids.
        seed: int, of the intervals.
        cases: int, how many worst and best cases to keep.
        progress: bool, show a bar over images.

    Returns:
        `ProbeResult`.

    Raises:
        ValueError: `regions` lacks an image, the set has no item, or a score is not
            finite.
    """
    items = probe_set.items
    if not items:
        raise ValueError(f"The probe {probe_set.name} has no item to ask.")
    scores = _scores(matcher, items, regions, progress)
    outcomes, chances, margins = judge_all(probe_set.rule, items, scores)
    lengths = _lengths(items, matcher.tokenizer)
    order = np.argsort(margins, kind="stable")
    worst, best = order[:cases], order[::-1][:cases]
    return ProbeResult(
        name=probe_set.name,
        rule=probe_set.rule,
        figure_names=RULES[probe_set.rule].figures,
        rows=tuple(_rows(probe_set, outcomes, chances, lengths, seed)),
        worst=tuple(_case(items[at], margins[at], names) for at in worst),
        best=tuple(_case(items[at], margins[at], names) for at in best),
        notes=(*probe_set.notes, *_notes(probe_set.rule, margins, lengths)),
    )


def _scores(matcher, items, regions, progress):
    """The scores of each item, right texts first: float32 (images, texts) each."""
    pairs = [
        (image, text)
        for item in items
        for image in item.images
        for text in item.right + item.wrong
    ]
    model, tokenizer = matcher.model, matcher.tokenizer
    found = score_pairs(model, tokenizer, regions, pairs, progress)
    shapes = [(len(item.images), len(item.right + item.wrong)) for item in items]
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
    return [
        part.reshape(shape)
        for part, shape in zip(np.split(found, ends), shapes, strict=True)
    ]


def _lengths(items, tokenizer):
    """Tokens of the texts of each item, right texts first: list of int arrays."""
    texts = sorted({text for item in items for text in item.right + item.wrong})
    tokens = dict(zip(texts, tokenizer.lengths(texts).tolist(), strict=True))
    return [np.array([tokens[t] for t in item.right + item.wrong]) for item in items]


def _rows(probe_set, outcomes, chances, lengths, seed):
    """The row of all items, that of each kind, and the mean over kinds."""
    items, rule = probe_set.items, probe_set.rule
    kinds = list(dict.fromkeys(item.kind for item in items))
    longer = np.array(
        [
            _longest_is_right(found, len(item.right))
            for found, item in zip(lengths, items, strict=True)
        ]
    )

    def row(kind, chosen):
        images = [items[at].images for at in chosen]
        top, below = _by_image(images, outcomes[chosen])
        folds = [(top, below)]
        names = RULES[rule].figures
        ends = interval(bootstrap(folds, seed=seed))
        figures = Figures(names, fold_means(folds), ends, chances[chosen].mean(axis=0))
        share = float(longer[chosen].mean()) if rule == "choice" else None
        return ProbeRow(kind, len(chosen), len(top), share, figures)

    if probe_set.total and len(kinds) > 1:
        yield row(probe_set.total, np.arange(len(items)))
    members = [
        np.array([at for at, item in enumerate(items) if item.kind == kind])
        for kind in kinds
    ]
    yield from map(row, kinds, members)
    if probe_set.total and len(kinds) > 1:
        means = [outcomes[chosen].mean(axis=0) for chosen in members]
        chance = [chances[chosen].mean(axis=0) for chosen in members]
        names = RULES[rule].figures
        yield ProbeRow(
            MEAN_OF_KINDS,
            len(items),
            len({item.images for item in items}),
            None,
            Figures(names, np.mean(means, axis=0), None, np.mean(chance, axis=0)),
        )


def _by_image(images, outcomes):
    """Sums over each image's items, as `bootstrap` takes them.

    Returns:
        `(numerators, denominators)`: float64 (images, figures) each.
    """
    numbers = {key: row for row, key in enumerate(dict.fromkeys(images))}
    rows = np.array([numbers[key] for key in images])
    top = np.zeros((len(numbers), outcomes.shape[1]))
    below = np.zeros_like(top)
    np.add.at(top, rows, outcomes)
    np.add.at(below, rows, 1)
    return top, below


def _longest_is_right(lengths, right):
    """How often the longest caption is right: 1, 0, or of n longest ones 1/n."""
    first, most = lengths[:right].min(), lengths[right:].max(initial=0)
    if first != most:
        return float(first > most)
    return 1 / (1 + int((lengths[right:] == most).sum()))


def _notes(rule, margins, lengths):
    if ties := int((margins == 0).sum()):
        yield f"{ties} of {len(margins)} items are ties, counted against the model"
    if rule != "half-truth":
        return
    if uneven := sum(int(true != wrong) for _, true, wrong in lengths):
        yield (
            f"the two additions of {uneven} of {len(lengths)} items have not equally "
            "many tokens for this model"
        )


def _case(item, margin, names):
    images = tuple((names or {}).get(image, image) for image in item.images)
    return ProbeCase(item.kind, images, item.right, item.wrong, float(margin))
