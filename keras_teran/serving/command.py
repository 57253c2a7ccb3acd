"""The option `--tf-serving` of `keras-teran export`."""


def add_serving_option(command):
    """Adds `--tf-serving` to an argument parser."""
    command.add_argument(
        "--tf-serving",
        metavar="MODELS",
        help="then add the SavedModels to this model repository, as its next version",
    )


def check_serving(repository, formats):
    """Refuses a repository that the export could not be added to, before the export.

    Args:
        repository: path, or None where none is wanted.
        formats: list of str, or None for all.

    Raises:
        ValueError: for formats without SavedModel; and see `layout.check_repository`.
    """
    if not repository:
        return
    if formats and "savedmodel" not in formats:
        raise ValueError(
            "--tf-serving serves SavedModels: put savedmodel in --formats."
        )
    from keras_teran.serving.layout import check_repository

    check_repository(repository)


def lay_out(exported, repository):
    """Adds an export to a repository, see `layout.add_version`; a line that says so."""
    from keras_teran.serving.layout import add_version

    version = add_version(exported, repository)
    return f"{repository}: version {version}, labelled candidate"
