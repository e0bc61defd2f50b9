"""`python -m mailtui`, and what the installed command `mailtui` calls."""

import sys

from mailtui.cli import main

if __name__ == "__main__":
    sys.exit(main())
