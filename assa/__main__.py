"""``python -m assa``: the same as the command ``assa``."""

from assa.cli import main

if __name__ == "__main__":
    main()
