"""Smooth functions of one value, all by one mechanism: a table, and in int16 a straight line in each of its cells.

`functions.py` names the functions, one line each; `fit.py` makes the tables for two formats; `composition.py` writes them as builtins
that TFLite Micro has. A new function of one value is one line in `functions.py`.
"""

from .composition import expand
from .fit import Curve, Level, fit_curve, int8_table
from .functions import FUNCTIONS, Function

__all__ = ["FUNCTIONS", "Curve", "Function", "Level", "expand", "fit_curve", "int8_table"]
