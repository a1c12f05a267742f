"""What config.ini says of DeepFilterNet3: the transform, the bands, the deep filter, the widths of the layers."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from ..errors import StapesError
from ..schema import MOST_TOML_BYTES, STRICT_OPEN, validated
from ..text import first_line

MODEL = "deepfilternet3"
_OTHERS = {"deepfilternet": "DeepFilterNet (the first)", "deepfilternet2": "DeepFilterNet2"}
_REMEDY = "take the config.ini that came with the network"

Count = Annotated[int, Gt(0), Le(1 << 16)]


@dataclass(frozen=True)
class Transform:
    """The section [df]: `sr` in Hz, `fft_size` and `hop_size` in samples, `norm_tau` in seconds, `lsnr_*` in dB."""

    sr: Count
    fft_size: Count
    hop_size: Count
    nb_erb: Count
    nb_df: Count
    norm_tau: Annotated[float, Gt(0.0)]
    lsnr_max: float
    lsnr_min: float
    df_order: Count
    min_nb_erb_freqs: Count = 2
    df_lookahead: Annotated[int, Ge(0), Le(64)] = 0
    pad_mode: str = "output"

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class Layers:
    """The section [deepfilternet]: what it says of widths and of time."""

    conv_ch: Count
    emb_hidden_dim: Count
    emb_num_layers: Count
    df_hidden_dim: Count
    df_num_layers: Count
    conv_lookahead: Annotated[int, Ge(0), Le(64)] = 0
    df_pathway_kernel_size_t: Count = 1

    __pydantic_config__ = STRICT_OPEN


@dataclass(frozen=True)
class Settings:
    """The settings that the network was trained with."""

    df: Transform
    deepfilternet: Layers

    __pydantic_config__ = STRICT_OPEN

    @property
    def look_ahead(self) -> int:
        """Frames that the output lies behind the features, beside the overlap-add."""
        return max(self.deepfilternet.conv_lookahead, self.df.df_lookahead)


def read_settings(content: bytes, label: str) -> Settings:
    """The settings in the bytes of a config.ini, which `label` names; raises StapesError for one that is not sound.

    So it does for a network that is not DeepFilterNet3, which it names.
    """
    sections = _sections(content, label)
    model = sections.get("train", {}).get("model")
    if not isinstance(model, str):
        raise StapesError(f"{label}: [train] names no model; {_REMEDY}")
    if model.lower() != MODEL:
        known = _OTHERS.get(model.lower(), f"a model {model[:40]!r}")
        raise StapesError(f"{label}: {known}, not DeepFilterNet3; give the archive of DeepFilterNet3")
    wanted = {name: sections[name] for name in ("df", "deepfilternet") if name in sections}
    settings = validated(Settings, wanted, label, _REMEDY)
    if settings.df.fft_size != 2 * settings.df.hop_size:
        raise StapesError(
            f"{label}: fft_size {settings.df.fft_size} is not twice hop_size {settings.df.hop_size}; {_REMEDY}"
        )
    if settings.df.pad_mode not in ("output", "input", "input_specf"):
        raise StapesError(f"{label}: pad_mode is {settings.df.pad_mode[:40]!r}; {_REMEDY}")
    return settings


def _sections(content: bytes, label: str) -> dict[str, dict[str, object]]:
    """Section -> key -> value, numbers as numbers."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if len(content) > MOST_TOML_BYTES:
            raise ValueError(f"more than {MOST_TOML_BYTES >> 20} MB")
        parser.read_string(content.decode("utf-8"))
    except (ValueError, configparser.Error) as error:
        raise StapesError(f"{label}: not an .ini file ({first_line(error, 120)}); {_REMEDY}") from None
    return {name: {key: _value(text) for key, text in section.items()} for name, section in parser.items()}


def _value(text: str) -> object:
    """A number where the text is one.

    >>> _value("480"), _value("1e-3"), _value("1,3")
    (480, 0.001, '1,3')
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
