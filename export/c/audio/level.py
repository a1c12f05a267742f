"""The state of the level over which logarithmic features stand: `stapes_level_state`."""

from .stage import Member

LEVEL = (Member("level_q24", "int32"), Member("has_level", "bool"))
