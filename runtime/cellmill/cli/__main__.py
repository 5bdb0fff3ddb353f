"""`python -m cellmill.cli`: the same program as `cellmill`."""

from __future__ import annotations

import sys

from cellmill.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
