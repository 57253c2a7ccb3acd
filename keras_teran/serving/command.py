"""The option `--tf-serving` of `keras-teran export`."""


def add_serving_option(command):
    """Adds `--tf-serving` to an argument parser."""
    command.add_argument(
        "--tf-serving",
        metavar="MODELS",
        help="then add the SavedModels to this model repository, as its next version",
    )


def refuse_without_savedmodel(repository, formats):
    """Raises ValueError where a repository is wanted of formats without SavedModel."""
    if repository and formats and "savedmodel" not in formats:
        raise ValueError(
            "--tf-serving serves SavedModels: put savedmodel in --formats."
        )


def lay_out(exported, repository):
    """Adds an export to a repository, see `layout.add_version`; a line that says so."""
    from keras_teran.serving.layout import add_version

    version = add_version(exported, repository)
    return f"{repository}: version {version}, labelled candidate"
