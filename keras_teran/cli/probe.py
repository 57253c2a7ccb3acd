"""`keras-teran probe`."""

from argparse import Namespace

from keras_teran.cli._parsers import add_command, add_run, add_split
from keras_teran.cli.data_options import add_data_options, open_for_run, source_of_run

# Those that are made of any captions where no file is given.
_MADE = ("order", "half-truths")
_PUBLISHED = ("sugarcrepe", "valse", "aro-relation", "aro-attribution", "winoground")
_NAMES = (*_PUBLISHED, "negbench", *_MADE)

_DATA = ("data", "captions", "regions", "images", "sizes")


def add(commands):
    """Adds `probe` to the subparsers of `keras-teran`."""
    command = add_command(
        commands,
        "probe",
        run,
        "what a score understands: right captions beside wrong ones",
    )
    add_run(command)
    command.add_argument(
        "--probe",
        metavar="NAME",
        choices=_NAMES,
        help=f"{', '.join(_NAMES)} (without: scenes, or what captions give)",
    )
    command.add_argument(
        "--file",
        metavar="FILE",
        nargs="+",
        help="of that probe, as published; order and half-truths are made of the "
        "captions where none is given",
    )
    command.add_argument(
        "--scenes",
        action="store_true",
        help="the drawn scenes: swaps, counts, negation",
    )
    add_data_options(command, "what the run was trained on")
    add_split(command)
    command.add_argument(
        "--seed", type=int, default=0, help="of shuffles and intervals (%(default)s)"
    )
    command.add_argument("--out", metavar="FILE", help="write the figures there too")


def run(arguments):
    """`keras-teran probe`."""
    import keras_teran
    from keras_teran import _io
    from keras_teran.evaluation import format_probe, probe

    _io.whole("--seed", arguments.seed)
    _refuse(arguments)
    if arguments.out:
        _io.check_output(arguments.out)
    given, captions, regions, drawn = _open(arguments)
    matcher = keras_teran.load(arguments.run)
    sets = [given] if given else _make(arguments, captions, drawn, matcher.tokenizer)
    names = dict(zip(captions.image_ids.tolist(), captions.filenames, strict=True))
    results = [
        probe(matcher, each, regions, names=names, seed=arguments.seed, progress=True)
        for each in sets
    ]
    print("\n\n".join(map(format_probe, results)))
    if arguments.out:
        told = {name: getattr(arguments, name) for name in ("run", "split", "seed")}
        found = {**told, "probes": [result.plain() for result in results]}
        _io.write_json(arguments.out, found)


def _refuse(arguments):
    """Refuses options that do not go together.

    Raises:
        ValueError: naming the options.
    """
    others = [name for name in ("probe", "file", *_DATA) if getattr(arguments, name)]
    if arguments.scenes and others:
        raise ValueError(f"--scenes brings its own data; leave out --{others[0]}.")
    if arguments.file and not arguments.probe:
        raise ValueError(f"--file needs --probe: {', '.join(_NAMES)}.")
    if arguments.probe and arguments.probe not in _MADE and not arguments.file:
        raise ValueError(
            f"--probe {arguments.probe} needs --file, the published file or files."
        )


def _open(arguments):
    """The probe of the files, if any, and the data.

    Returns:
        `(given, captions, regions, drawn)`: a `ProbeSet` whose items name images by id,
        or None; the rest as `open_split` gives it.
    """
    from keras_teran.data.formats import read_probe
    from keras_teran.data.probes import find_images

    if arguments.scenes:
        arguments.data = "embedded"
    if not arguments.file:
        return None, *open_for_run(arguments, arguments.run)
    given = read_probe(arguments.probe, arguments.file, arguments.seed)
    alone = not arguments.data and not arguments.captions
    if alone and (arguments.regions or arguments.images):
        captions, regions = _open_images(arguments, given)
        return find_images(given, captions), captions, regions, None
    captions, regions, drawn = open_for_run(arguments, arguments.run)
    return find_images(given, captions), captions, regions, drawn


def _open_images(arguments, given):
    """The images that the probe names, where no captions are given beside them."""
    from keras_teran.data import check_width
    from keras_teran.data.probes import open_images
    from keras_teran.run import read_architecture

    # The probe's file stands for the captions that the options else need.
    named = {**vars(arguments), "captions": arguments.file[0]}
    source = source_of_run(Namespace(**named), arguments.run)
    captions, regions = open_images(given, source)
    width = read_architecture(arguments.run).get("region_dim")
    check_width(regions, width, arguments.run)
    return captions, regions


def _make(arguments, captions, drawn, tokenizer):
    """Probes made of scenes or of captions: list of `ProbeSet`."""
    from keras_teran.data.probes import make_half_truths, make_order
    from keras_teran.data.scenes import make_scene_probes

    lengths, seed = tokenizer.lengths, arguments.seed
    if drawn is not None and not arguments.probe:
        return make_scene_probes(lengths, arguments.split, item_seed=seed)
    made = {
        "order": lambda: make_order(captions, seed),
        "half-truths": lambda: make_half_truths(captions, lengths, seed),
    }
    return [made[name]() for name in ([arguments.probe] if arguments.probe else made)]
