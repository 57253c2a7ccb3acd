"""The `keras-teran` command: one file a subcommand."""
