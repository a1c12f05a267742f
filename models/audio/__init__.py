"""The path of the sound around a network, in float: a chain of stages, in the order in which a sample meets them.

stage          what every stage is: settings with a kind, and the named quantities that it reads and makes
sound_path     an ordered tuple of stages, checked; tables in, tables out
wiring         which tensors of a network a path feeds and reads
front_end      the flat table in which paths were stored before, read into a chain

transform      a hop of samples to the spectrum of its frame
power, wiener  its power; the gain of the Wiener filter, and what its voice activity decision knows
log, ...       features: of the power, with the Wiener gain or without (power_features, level: what they share), or of the spectrum
               the NETWORK stands here: one or several kinds of features in, a mask out, or what else the stages behind it ask for
mask, ...      a real mask on the spectrum, or a complex one; through: none
look_ahead     the spectrum of some frames ago for what follows: band_gains, deep_filter, post_filter, attenuation_limit
erb            bands of DeepFilterNet, which features and gains share
inverse        the spectrum to a hop of samples
wide_inverse   the same in 32 bits for what follows: equaliser (biquad: its sections), steered_equaliser,
               tone_equaliser (tone_level: what its network hears), output, which rounds to samples
formats        the table of all quantities

A kind is one file here (settings and float definition) and one of the same name in `quantize/audio` (integer constants),
`firmware_sim/audio` (integer twin), `export/runtime/audio` (integer twin in C) and `export/c/audio` (what the exporter prints).
Files are found by their names: a new kind changes no other file.
"""

from .front_end import from_front_end, read_sound_path
from .sound_path import SoundPath
from .stage import Quantity, Stage, kinds

__all__ = ["Quantity", "SoundPath", "Stage", "from_front_end", "kinds", "read_sound_path"]
