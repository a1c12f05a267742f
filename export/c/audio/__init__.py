"""The path of the sound around the network, as the templates print it: a stage a line, on memory that is planned here.

stage      what the exporter knows of a stage's C; one file a kind, with the same name as in `models/audio`
memory     where quantities lie: in the context, or in scratch that the network takes turns with
program    all of it as data
"""

from .program import AudioProgram, Port, Struct, build_audio, file_scope_names

__all__ = ["AudioProgram", "Port", "Struct", "build_audio", "file_scope_names"]
