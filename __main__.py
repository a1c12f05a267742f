"""`python -m stapes` is `stapes`."""

from .tools.cli import main

main()
