"""`python -m tools.cli` is `stapes`."""

from tools.cli import main

main()
