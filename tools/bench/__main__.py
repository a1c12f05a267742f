"""`python -m stapes.tools.bench`: one thread everywhere, which the libraries read when they are loaded."""

import os

for _library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

from .run import main  # noqa: E402

if __name__ == "__main__":
    main()
