"""The sound around DeepFilterNet3: the features that its network hears, and the filters that its outputs are."""

from __future__ import annotations

from ..audio import SoundPath
from ..audio.band_gains import BandGains
from ..audio.deep_filter import DeepFilter
from ..audio.erb_level import ErbLevel
from ..audio.inverse import Inverse
from ..audio.look_ahead import LookAhead
from ..audio.power import Power
from ..audio.transform import Transform
from ..audio.unit_spectrum import UnitSpectrum
from ..errors import StapesError
from .settings import Settings


def sound_path(settings: Settings, label: str) -> SoundPath:
    """The path that a config.ini, which `label` names, describes; raises StapesError for one that the stages cannot make.

    With the official settings: 960 samples every 480 at 48 kHz, 32 bands, 96 bins of 5 taps, two frames of look-ahead.
    Source: Schroeter et al., DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement, 2023.
    """
    df, ahead = settings.df, settings.look_ahead
    if settings.deepfilternet.conv_lookahead != df.df_lookahead:
        raise StapesError(
            f"{label}: conv_lookahead is {settings.deepfilternet.conv_lookahead} and df_lookahead {df.df_lookahead}; the filters need what "
            "the network has heard, no more and no less: train with the same for both"
        )
    if df.df_order <= ahead:
        raise StapesError(
            f"{label}: df_order {df.df_order} is not more than df_lookahead {ahead}; train with more taps"
        )
    try:
        return SoundPath(
            (
                Transform(df.sr, df.fft_size, df.fft_size, df.hop_size, "vorbis"),
                Power(),
                ErbLevel(df.nb_erb, df.min_nb_erb_freqs, float(df.norm_tau), input="feat_erb"),
                UnitSpectrum(df.nb_df, time_constant=float(df.norm_tau), input="feat_spec"),
                LookAhead(ahead, past=df.df_order - 1 - ahead, bins=df.nb_df),
                BandGains(bands=df.nb_erb, least=df.min_nb_erb_freqs, output="gains"),
                DeepFilter(order=df.df_order, bins=df.nb_df, output="coefs"),
                Inverse(),
            )
        )
    except StapesError as error:
        raise StapesError(f"{label}: {error}") from None
