"""From an audiogram to an equaliser.

audiogram  hearing thresholds by frequency: of a file, or a standard one by its name
rules      how much gain they want, by frequency and level: NAL-R, CAMFIT, or a table
design     gains to the sections of an equaliser, by least squares
fitting    all of it as one document, `fitting.toml`
"""

from .audiogram import STANDARD, Audiogram, read_audiogram
from .fitting import Fitting, make_fitting, read_fitting
from .rules import Gains, read_gains

__all__ = ["STANDARD", "Audiogram", "Fitting", "Gains", "make_fitting", "read_audiogram", "read_fitting", "read_gains"]
