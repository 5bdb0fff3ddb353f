"""``python -m cellmill_lab``: the same as ``jupyter cellmill``."""

from __future__ import annotations

from cellmill_lab.app import main

if __name__ == "__main__":
    main()
