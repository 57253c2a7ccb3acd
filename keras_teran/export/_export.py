"""Both encoders and the scorer to SavedModel, LiteRT and ONNX, checked against Keras.

What is written runs without this package: token ids and region features go in, unit
vectors come out, by the names of the Keras encoders. Tokenising stays outside; the
vocabulary and its settings are copied beside.
"""

import platform
from importlib import metadata, util

import keras

from keras_teran import _io
from keras_teran._io import check, check_folder, number, progress_bar, sha256
from keras_teran.export._check_export import ExportError, largest_errors, reference
from keras_teran.export._converters import CONVERTERS, quiet
from keras_teran.export._manifest import MANIFEST, manifest_text, signed
from keras_teran.export._scorer import scorer
from keras_teran.export._variants import (
    VARIANTS,
    check_variants,
    foreign_operators,
)
from keras_teran.text import check_vocabulary, vocabulary_sha256

FORMATS = tuple(CONVERTERS)
TOLERANCE = 1e-4
ENCODERS = ("image_encoder", "caption_encoder")
FLOAT32 = "float32"


def export(
    model,
    tokenizer,
    out,
    formats=FORMATS,
    preset=None,
    tolerance=TOLERANCE,
    progress=False,
    variants=(),
    calibration=None,
    accept=None,
):
    """Writes encoders and scorers in each format, runs every file, tells what it found.

    Every file is compared with Keras on batches of one to four rows, of several
    lengths, with ragged masks, a row with nothing real among them. The folder appears
    whole or not at all: it is written aside and renamed; an earlier export of that name
    is replaced.

    Beside the encoders stand `scorer` (region and word embeddings to the similarity)
    and `aligner` (that and every cosine), see `keras_teran.export._scorer`.

    Args:
        model: `Teran`. One trained in half precision is exported in float32.
        tokenizer: `CaptionTokenizer` that it was trained with.
        out: path of the folder to write.
        formats: sequence of str, some of `FORMATS`.
        preset: str, the preset's name for the manifest, or None.
        tolerance: float, the largest absolute difference allowed in any number of any
            output of a float32 file. A variant's is only told: what it costs is judged
            by recall, see `keras_teran.export._verify`.
        progress: bool, show a bar.
        variants: sequence of str, some of `export.VARIANTS`, of the encoders.
        calibration: dict of `image_encoder` and `caption_encoder`, each a list of dicts
            of NumPy arrays, real inputs; `litert-full-int8` needs it.
        accept: function of the folder, called when all is written and before it
            appears; what it raises leaves nothing written.

    Returns:
        The manifest, a dict, as in `manifest.json`: the architecture (`config`),
        `pooling`, the `encoders` with the shape (None where any size will do) and dtype
        of each input and output, the `tokenizer`, `versions`, `tolerance`, and
        `artifacts`: for each the `format`, `variant`, `encoder` (or scorer), `path`,
        size in `bytes`, `max_abs_error` against Keras, by output in `errors`, and the
        SHA-256 of each of its `files`; see `keras_teran.export._manifest`.

    Raises:
        ExportError: when a file's outputs have other names, shapes or dtypes, or an
            error over `tolerance`, or a LiteRT file holds ops that are not LiteRT's;
            the message names the file and the number.
        ValueError: for an unknown format or variant, a variant without its format or
            its calibration set, or a tokenizer of another vocabulary than the model's table.
        RuntimeError: on another backend than TensorFlow.
        ModuleNotFoundError: when a converter is not installed.
        FileExistsError: when `out` holds something that is no earlier export.
    """
    out = check_folder(out)
    formats = _names("formats", formats)
    variants = _names("variants", variants)
    _check_request(model, tokenizer, out, formats, tolerance)
    check_variants(variants, formats, calibration)
    model = in_float32(model)
    graphs = _graphs(model)
    with _io.whole_folder(out, replace=True) as folder:
        references = {name: reference(graph) for name, graph in graphs.items()}
        artifacts = []
        for format_name, variant, name in progress_bar(
            _wanted(formats, variants, graphs), "export", disable=not progress
        ):
            real = (calibration or {}).get(name)
            path = _write(graphs[name], format_name, variant, folder, real)
            about = {"format": format_name, "variant": variant, "encoder": name}
            about |= _described(path, folder) | _compared(path, references[name])
            _check_file(about, path, tolerance)
            artifacts.append(about)
        tokenizer.save(folder)
        manifest = _manifest(model, graphs, tokenizer, folder, formats, preset)
        manifest = signed(
            manifest
            | {
                "checked_on": _sizes(references),
                "tolerance": tolerance,
                "artifacts": artifacts,
            }
        )
        (folder / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")
        if accept is not None:
            accept(folder)
    return manifest


def _compared(path, reference):
    """How far a file's outputs are from Keras'."""
    errors = largest_errors(path, reference)
    return {"max_abs_error": max(errors.values()), "errors": errors}


def in_float32(model):
    """The model itself if it is float32 throughout, or else a float32 copy of it."""
    policy = model.dtype_policy
    if policy.compute_dtype == policy.variable_dtype == "float32":
        return model
    copy = type(model)(**model.config, dtype="float32")
    copy.set_weights(model.get_weights())
    return copy


def format_manifest(manifest):
    """A manifest's artifacts as lines of text: path, size and error of each.

    Example:
        >>> artifact = {"path": "onnx/a.onnx", "bytes": 2_500_000, "max_abs_error": 2e-7}
        >>> print(format_manifest({"artifacts": [artifact]}))
        file            MB     max abs error
        onnx/a.onnx     2.50   2.0e-07
    """
    rows = [
        (a["path"], f"{a['bytes'] / 1e6:.2f}", f"{a['max_abs_error']:.1e}")
        for a in manifest["artifacts"]
    ]
    rows = [("file", "MB", "max abs error"), *rows]
    width = max(len(row[0]) for row in rows) + 4
    return "\n".join(f"{path:{width}} {size:6} {error}" for path, size, error in rows)


def _graphs(model):
    """The Keras models that are written, by name."""
    rules = (model.config["embedding_dim"], model.pooling, model.padding)
    scorers = (scorer(*rules), scorer(*rules, with_alignment=True))
    graphs = {name: getattr(model, name) for name in ENCODERS}
    return graphs | {graph.name: graph for graph in scorers}


def _wanted(formats, variants, graphs):
    """List of (format, variant, graph), the float32 file of each before its variants."""
    return [
        *((format_name, FLOAT32, name) for format_name in formats for name in graphs),
        *(
            (VARIANTS[variant].format, VARIANTS[variant].name, name)
            for variant in variants
            for name in ENCODERS
        ),
    ]


def _write(graph, format_name, variant, folder, calibration):
    converter = CONVERTERS[format_name]
    plain = folder / format_name / (graph.name + converter.suffix)
    plain.parent.mkdir(exist_ok=True)
    if variant == FLOAT32:
        with quiet():
            converter.convert(graph, plain)
        return plain
    path = plain.with_name(f"{graph.name}.{variant}{converter.suffix}")
    with quiet():
        convert = VARIANTS[f"{format_name}-{variant}"].convert
        convert(graph, plain, path, calibration)
    return path


def _check_file(artifact, path, tolerance):
    if artifact["format"] == "litert" and (foreign := foreign_operators(path)):
        raise ExportError(
            f"{artifact['path']} holds {', '.join(foreign)}, which the plain LiteRT "
            "interpreter lacks. Nothing was written."
        )
    if artifact["variant"] != FLOAT32:
        tolerance = 2.0  # between unit vectors; over it only what is not a number
    name = max(artifact["errors"], key=artifact["errors"].get)
    error = artifact["errors"][name]
    if error > tolerance:
        raise ExportError(
            f"{artifact['path']} differs from Keras by {error:.3g} in {name}, more than "
            f"the {tolerance:g} allowed. Nothing was written."
        )


def _manifest(model, graphs, tokenizer, folder, formats, preset):
    return {
        "preset": preset,
        "config": {
            **model.config,
            "vocabulary_sha256": vocabulary_sha256(tokenizer.vocabulary),
        },
        "pooling": model.pooling,
        "padding": model.padding,
        "encoders": {name: _interface(graphs[name]) for name in ENCODERS},
        "scorers": {
            name: _interface(graph)
            for name, graph in graphs.items()
            if name not in ENCODERS
        },
        "tokenizer": {
            "vocabulary_size": len(tokenizer.vocabulary),
            "lowercase": tokenizer.lowercase,
            "max_length": tokenizer.max_length,
            "files": _hashes(
                sorted(p for p in folder.iterdir() if p.is_file()), folder
            ),
        },
        "versions": _versions(formats),
    }


def _sizes(references):
    """The (rows, length) of the batches that each graph was compared on."""
    return {
        name: [list(next(iter(inputs.values())).shape[:2]) for inputs, _ in batches]
        for name, batches in references.items()
    }


def _interface(graph):
    def entry(tensor):
        return {"shape": list(tensor.shape), "dtype": tensor.dtype}

    return {
        "inputs": {name: entry(t) for name, t in graph.input.items()},
        "outputs": {name: entry(t) for name, t in graph.output.items()},
    }


def _described(path, folder):
    files = sorted(p for p in path.rglob("*") if p.is_file()) or [path]
    return {
        "path": path.relative_to(folder).as_posix(),
        "bytes": sum(file.stat().st_size for file in files),
        "files": _hashes(files, folder),
    }


def _hashes(files, folder):
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}


def _versions(formats):
    packages = {"keras", "tensorflow", "numpy"}
    packages.update(p for f in formats for p in CONVERTERS[f].packages.values())
    versions = {name: metadata.version(name) for name in sorted(packages)}
    ours = {"keras-teran": metadata.version("keras-teran")}
    return ours | versions | {"python": platform.python_version()}


def _names(argument, names):
    """A sequence of names as a tuple, each once."""
    if isinstance(names, str):
        raise ValueError(f"{argument}={names!r} is one text; give a list of names.")
    return tuple(dict.fromkeys(check([*names], list[str], argument)))


def _check_request(model, tokenizer, out, formats, tolerance):
    number("tolerance", tolerance, above=0)
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"formats={formats!r}: choose from {', '.join(FORMATS)}.")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise RuntimeError(
            f"Exporting needs the TensorFlow backend; this process runs on {backend}. "
            "Save the model, and export it with KERAS_BACKEND=tensorflow set: a .keras "
            "file loads on every backend."
        )
    needed = {m: p for f in formats for m, p in CONVERTERS[f].packages.items()}
    missing = [p for module, p in needed.items() if util.find_spec(module) is None]
    if missing:
        raise ModuleNotFoundError(
            f"Exporting to {', '.join(formats)} needs {', '.join(missing)}; install "
            "them with `pip install keras-teran[export]`."
        )
    check_vocabulary(model, tokenizer)
    empty = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not empty and not (out / MANIFEST).is_file():
        raise FileExistsError(
            f"{out} exists and is no earlier export (it has no {MANIFEST}); name "
            "another folder, or remove it."
        )
