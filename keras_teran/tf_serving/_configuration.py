"""The text files that TF Serving and Docker read, beside the models."""

from pathlib import Path

from keras_teran._io import one_line, read_text

CONFIG = "models.config"
MOUNTED = "/models"
MODELS = ("image_encoder", "caption_encoder", "scorer")
BATCH_SIZES = (1, 2, 4, 8, 16, 32)

# Padding stays the client's work: the server would pad with the first element of each
# tensor, and a mask's first element is True.
BATCHING = f"""max_batch_size {{ value: {BATCH_SIZES[-1]} }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 100 }}
{"".join(f"allowed_batch_sizes: {n}{chr(10)}" for n in BATCH_SIZES)}\
pad_variable_length_inputs: false
"""
# Threads are common to all models and stand in the file that the server is told of.
THREADS = "num_batch_threads { value: 2 }\n"

SERVER_OPTIONS = (
    f"--model_config_file={MOUNTED}/{CONFIG}",
    "--model_config_file_poll_wait_seconds=60",
    "--allow_version_labels_for_unavailable_models=true",
)
# Not on by default: two requests of different lengths in one batch make the server
# refuse both. They are for clients that all pad to one length.
BATCHING_OPTIONS = (
    "--enable_batching=true",
    f"--batching_parameters_file={MOUNTED}/batching.config",
    "--enable_per_model_batching_parameters=true",
)

COMPOSE = f"""services:
  tf-serving:
    image: ${{TF_SERVING_IMAGE:-tensorflow/serving:latest}}
    ports: ["8500:8500", "8501:8501"]
    volumes: ["./:{MOUNTED}:ro"]
    command:
{"".join(f"      - {option}{chr(10)}" for option in SERVER_OPTIONS)}"""

_LINES = (
    "docker run --rm -p 8500:8500 -p 8501:8501",
    f'-v "$(cd "$(dirname "$0")" && pwd):{MOUNTED}:ro"',
    "${TF_SERVING_IMAGE:-tensorflow/serving:latest}",
    *SERVER_OPTIONS,
    '"$@"',
)
DOCKER = (
    "#!/bin/sh\n# Where all clients pad to one length, batching may be on:\n"
    f"# sh serve.sh {' '.join(BATCHING_OPTIONS)}\n"
    "exec " + " \\\n    ".join(_LINES) + "\n"
)


def server_config(models, labels):
    """A `ModelServerConfig`: these models, at the versions that have a label.

    Args:
        models: names of the models.
        labels: dict of str to int, the version that each label stands for.
    """
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for name in models:
        entry = config.model_config_list.config.add(
            name=name, base_path=f"{MOUNTED}/{name}", model_platform="tensorflow"
        )
        entry.model_version_policy.specific.versions.extend(sorted({*labels.values()}))
        for label, version in labels.items():
            entry.version_labels[label] = version
    return config


def read_labels(repository):
    """Dict of labels to versions in a repository's `models.config`; empty without one.

    Raises:
        ValueError: when the file does not parse, or names no model.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    path = Path(repository) / CONFIG
    if not path.exists():
        return {}
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(read_text(path, 2**20), config)
    except text_format.ParseError as error:
        raise ValueError(f"{path} is no models.config: {one_line(error)}") from error
    if not config.model_config_list.config:
        raise ValueError(f"{path} names no model; remove it, or restore it.")
    return dict(config.model_config_list.config[0].version_labels)
