"""The main job from end to end, on the embedded scenes: minutes, nothing to download.

    make quickstart

Trains a tiny TERAN and, to compare, the same encoders as a bag of words; evaluates both
ways; measures grounding and probes what the score understands; exports both encoders and runs every exported file against
Keras; draws which region each word chose; writes report.html.
"""

import argparse
import dataclasses
import json
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from quickstart_report import Report, write_report

import keras_teran
from keras_teran._io import write_text
from keras_teran.data.scenes import bag_of_words
from keras_teran.run import versions

RESULTS = "quickstart.json"
SHORT = {"train_images": 500, "epochs": 2}


def main():
    """Runs every stage, then says what was made and what to try next."""
    args = parse_arguments()
    out = Path(args.out)
    clear(out)
    seconds = {}
    with stage("draw the scenes", seconds):
        sets = draw_sets(SHORT["train_images"] if args.quick else None)
    bags = train_both(sets, out, args.quick, seconds)
    matcher = keras_teran.load(out)
    with stage("evaluate", seconds):
        test = sets["test"]
        bag = keras_teran.load(out / "bag_of_words")
        tables = {
            "TERAN": evaluated(matcher, test),
            "bag of words": evaluated(bag, bags["test"]),
        }
        grounding = noun_grounding(matcher, test)
    with stage("look for the place, and probe", seconds):
        place = measured_place(matcher, test)
        probes = probed(matcher, test)
    with stage("export", seconds):
        manifest = exported(matcher, out / "exported")
    with stage("draw", seconds):
        pictures = draw_words(matcher, test, out / "pictures")
        cases = draw_cases(matcher, test, place)

    report = Report(
        title="A tiny TERAN on the embedded scenes",
        summary=summary(sets),
        facts=facts(matcher, sets),
        history=keras_teran.read_history(out),
        tables=tables,
        tables_note=tables_note(test),
        grounding=grounding,
        place=place.figures,
        cases=cases,
        probes=probes,
        pictures=pictures,
        exports=manifest["artifacts"],
        versions=versions(),
        seconds=seconds,
        next_commands=next_commands(out),
    )
    write_report(out / "report.html", report)
    figures = {"grounding": grounding, "place": place.figures}
    figures["probes"] = [each.plain() for each in probes]
    results = {"tables": tables, **figures, "seconds": seconds}
    write_text(out / RESULTS, json.dumps(results, indent=1) + "\n")
    tell(out, tables, grounding, manifest, seconds)


def train_both(sets, out, quick, seconds):
    """Trains TERAN and, on the captions without their order, a bag of words.

    Returns:
        The sets of the bag of words.
    """
    config = keras_teran.TrainingConfig(
        recipe={"epochs": SHORT["epochs"]} if quick else {}
    )
    with stage("train TERAN", seconds):
        keras_teran.train(config, out, data=training_pairs(sets))
    with stage("train the bag of words", seconds):
        bags = {name: as_bags(drawn) for name, drawn in sets.items()}
        bag_config = dataclasses.replace(config, model={"pooling": "mean"})
        keras_teran.train(bag_config, out / "bag_of_words", data=training_pairs(bags))
    return bags


def tables_note(drawn):
    """Of which images the tables are."""
    captions = drawn.captions
    return (
        f"{len(captions.image_ids)} test images, {len(captions)} captions; all images "
        "against all captions."
    )


def noun_grounding(matcher, drawn):
    """How many nouns chose the true region, see `grounding_accuracy`."""
    return keras_teran.grounding_accuracy(matcher.model, matcher.tokenizer, drawn)


def measured_place(matcher, drawn):
    """Whether nouns point at their objects: a `GroundingResult`."""
    return keras_teran.evaluate_grounding(
        matcher.model,
        matcher.tokenizer,
        keras_teran.read_phrases("embedded", "test"),
        drawn.regions,
        progress=True,
    )


def probed(matcher, drawn):
    """Swaps, counts, negation and half-truths of the scenes: list of `ProbeResult`."""
    sets = keras_teran.make_scene_probes(matcher.tokenizer.lengths, "test")
    return [
        keras_teran.probe(matcher, each, drawn.regions, progress=True) for each in sets
    ]


def exported(matcher, folder):
    """Writes both encoders in every format: the manifest."""
    return keras_teran.export_encoders(
        matcher.model,
        matcher.tokenizer,
        folder,
        preset=matcher.preset,
        progress=True,
    )


def clear(out):
    """Removes what an earlier quickstart wrote, and nothing else."""
    if (out / RESULTS).is_file():
        shutil.rmtree(out)


def draw_sets(train_images):
    """The embedded set's three splits."""
    counts = {"train": train_images, "val": None, "test": None}
    return {
        split: keras_teran.embedded_scenes(split, images=images, progress=True)
        for split, images in counts.items()
    }


def training_pairs(sets):
    """The (captions, regions) of train and val, as `train` takes them."""
    return [(sets[name].captions, sets[name].regions) for name in ("train", "val")]


def as_bags(drawn):
    """The same scenes, their captions as sorted words without relations."""
    captions = [bag_of_words(caption) for caption in drawn.captions.captions]
    return dataclasses.replace(
        drawn, captions=dataclasses.replace(drawn.captions, captions=captions)
    )


def evaluated(matcher, drawn):
    """The recall table of a run on a split."""
    table, _ = keras_teran.evaluate_retrieval(
        matcher.model, drawn.captions, drawn.regions, matcher.tokenizer, progress=True
    )
    return table


def draw_words(matcher, drawn, folder, count=4):
    """Pictures of what each word of a few captions chose: [(caption, png)]."""
    folder.mkdir(exist_ok=True)
    pictures = []
    for row in np.linspace(0, len(drawn.pictures) - 1, count).astype(int):
        caption = max(drawn.captions.captions_of(row), key=len)
        image = drawn.regions.read(drawn.captions.image_ids[[row]])
        path = folder / f"{drawn.captions.image_ids[row]}.png"
        found = matcher.explain(image, caption)
        png = keras_teran.draw_alignment(found, drawn.pictures[row], path)
        pictures.append((caption, png))
    return pictures


def summary(sets):
    """The report's first paragraphs."""
    return [
        f"Trained on {len(sets['train'].captions.image_ids):,} drawn scenes with five "
        "captions each, by which image goes with which sentence and nothing else: no "
        "box, no word and no relation was labelled.",
        "The bag of words has the same encoders and the same training, but its "
        "captions are sorted, their relations removed, and its cosines averaged.",
    ]


def draw_cases(matcher, drawn, place, count=2):
    """Heat maps of the nouns that missed most, then of the best: [(text, png)]."""
    rows = {image: row for row, image in enumerate(drawn.captions.image_ids.tolist())}
    found_cases = keras_teran.grounding_cases(place, count)
    cases = [(kind, case) for kind in ("worst", "best") for case in found_cases[kind]]
    pictures = []
    for kind, case in cases:
        phrase = case.phrase
        image = drawn.regions.read([case.image_id])
        found = matcher.explain(image, phrase.caption)
        picture = drawn.pictures[rows[case.image_id]]
        text = (
            f"{kind}: “{phrase.phrase}” in “{phrase.caption}”. The best region shares "
            f"{case.overlap:.2f} with the true box (IoU). Its center lies "
            f"{case.distance:.2f} sides of the picture from it."
        )
        png = keras_teran.draw_alignment(found, picture, phrase=phrase.phrase)
        pictures.append((text, png))
    return pictures


def facts(matcher, sets):
    """What the report says of the run."""
    return {
        "preset": matcher.preset,
        "pooling": matcher.model.pooling,
        "weights": f"{matcher.model.count_params():,}",
        **{
            f"{name} images": f"{len(drawn.captions.image_ids):,}"
            for name, drawn in sets.items()
        },
    }


def next_commands(out):
    """Three commands to try: [(command, purpose)]."""
    python = ".venv/bin/python"
    return [
        (
            f'{python} examples/search.py {out} "a red circle above a blue square"',
            "search the test scenes with a sentence",
        ),
        (
            f"{python} examples/align.py {out} --out align.png",
            "draw which region each word chose",
        ),
        (
            f"{python} examples/train.py runs/mine --epochs 3",
            "train a model of your own: build_model, compile, model.fit",
        ),
    ]


@contextmanager
def stage(name, seconds):
    """Says what is being done, and keeps how long it took."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 1)


def tell(out, tables, grounding, manifest, seconds):
    """What was made, how good it is, and what to try next."""
    for name, table in tables.items():
        print(f"\n{name}\n{keras_teran.format_recall_table(table)}")
    print(
        f"\ngrounding: {100 * grounding['accuracy']:.1f} % of {grounding['nouns']:,} "
        f"nouns chose the true region, {100 * grounding['chance']:.1f} % by chance"
    )
    print(f"\n{keras_teran.format_export_manifest(manifest)}")
    print(f"\nMade in {sum(seconds.values()) / 60:.1f} minutes:")
    for path, what in (
        ("report.html", "all of the above, with curves and pictures: open it"),
        ("model.keras, vocab.txt", "the trained run"),
        ("exported/", "both encoders as SavedModel, LiteRT and ONNX"),
        ("pictures/", "which region each word chose"),
    ):
        print(f"  {out}/{path:24} {what}")
    print("\nTry next:")
    for command, purpose in next_commands(out):
        print(f"  {command}\n      {purpose}")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", default="runs/quickstart", help="folder to write (%(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer scenes and epochs: a smoke test"
    )
    return parser.parse_args()


if __name__ == "__main__":
    keras_teran.run_script(main)
