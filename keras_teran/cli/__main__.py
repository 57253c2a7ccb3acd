"""`python -m keras_teran.cli`."""

import sys

from keras_teran.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
