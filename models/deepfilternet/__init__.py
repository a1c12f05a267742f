"""DeepFilterNet3, as its authors give it: three ONNX files and the settings of its training.

In the order in which data meets them:

files      the official archive, its unpacked folder, or one of the files beside the others
settings   what config.ini says of transform, bands and layers
path       the sound around the network: its features and its filters
join       the three graphs as one network of whole recordings, its widths held to the settings
"""

from .files import CONFIG, GRAPHS, Files, is_deepfilternet, read_files
from .join import NAME, join, require_no_part
from .path import sound_path
from .settings import Settings, read_settings

__all__ = [
    "CONFIG",
    "GRAPHS",
    "NAME",
    "Files",
    "Settings",
    "is_deepfilternet",
    "join",
    "read_files",
    "read_settings",
    "require_no_part",
    "sound_path",
]
