"""``python -m filterlab`` is the same as the ``filterlab`` command."""

import sys

from filterlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
