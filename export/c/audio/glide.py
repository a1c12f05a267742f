"""The state of a value that glides, `stapes_glide_state`."""

from .stage import Member

GLIDE_STATE = (Member("start", "int32"), Member("target", "int32"), Member("position_q30", "int32"))
