"""`python -m stapes.tools.cli` is `stapes`."""

from . import main

main()
