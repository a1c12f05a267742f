"""Networks shaped as DeepFilterNet3 with a few channels and random weights, written as its authors' exporter writes them."""

from __future__ import annotations

import functools
import io
import tarfile
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

CONFIG = """[train]
model = deepfilternet3
[df]
sr = 48000
fft_size = 960
hop_size = 480
nb_erb = {bands}
nb_df = {bins}
norm_tau = 1
lsnr_max = 35
lsnr_min = -15
min_nb_erb_freqs = 2
pad_mode = output
df_order = 2
df_lookahead = 1
[deepfilternet]
conv_lookahead = 1
conv_ch = {channels}
emb_hidden_dim = {hidden}
emb_num_layers = 3
df_hidden_dim = {hidden}
df_num_layers = 2
df_pathway_kernel_size_t = 3
"""
WIDTHS = {"bands": 8, "bins": 12, "channels": 4, "hidden": 16}
NAMES = ("enc.onnx", "erb_dec.onnx", "df_dec.onnx", "config.ini")
ORDER = 2


class Grouped(nn.Module):
    def __init__(self, groups, inputs, outputs):
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.randn(groups, inputs // groups, outputs // groups) / (inputs / groups) ** 0.5)

    def forward(self, x):
        b, t, _ = x.shape
        x = torch.einsum("btgi,gih->btgh", x.view(b, t, self.groups, -1), self.weight)
        return x.flatten(2, 3)


def past(frames):
    return nn.ConstantPad2d((0, 0, frames, 0), 0.0)


def separable(channels, stride=1):
    """Depth-wise along frequency, then point-wise."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, (1, 3), (1, stride), (0, 1), groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1),
        nn.ReLU(),
    )


def recurrent(units, layers):
    return nn.GRU(units, units, layers, batch_first=True)


class Encoder(nn.Module):
    def __init__(self, bands, bins, channels, hidden):
        super().__init__()
        emb = channels * bands // 4
        self.erb = nn.Sequential(past(2), nn.Conv2d(1, channels, 3, padding=(0, 1)), nn.ReLU())
        self.erb1, self.erb2, self.erb3 = separable(channels, 2), separable(channels, 2), separable(channels)
        self.df = nn.Sequential(
            past(2),
            nn.Conv2d(2, channels, 3, padding=(0, 1), groups=2, bias=False),
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(),
        )
        self.df1 = separable(channels, 2)
        self.emb = nn.Sequential(Grouped(2, channels * bins // 2, emb), nn.ReLU())
        self.first = nn.Sequential(Grouped(2, emb, hidden), nn.ReLU())
        self.gru = recurrent(hidden, 1)
        self.last = nn.Sequential(Grouped(2, hidden, emb), nn.ReLU())
        self.lsnr = nn.Sequential(nn.Linear(emb, 1), nn.Sigmoid())

    def forward(self, erb, spec):
        e0 = self.erb(erb)
        e1 = self.erb1(e0)
        e2 = self.erb2(e1)
        e3 = self.erb3(e2)
        c0 = self.df(spec)
        emb = e3.permute(0, 2, 3, 1).flatten(2) + self.emb(self.df1(c0).permute(0, 2, 3, 1).flatten(2))
        emb = self.last(self.gru(self.first(emb))[0])
        return e0, e1, e2, e3, emb, c0, self.lsnr(emb) * 50 - 15


class ErbDecoder(nn.Module):
    def __init__(self, bands, bins, channels, hidden):
        super().__init__()
        emb = channels * bands // 4
        self.channels = channels
        self.first, self.gru = nn.Sequential(Grouped(2, emb, hidden), nn.ReLU()), recurrent(hidden, 2)
        self.last = nn.Sequential(Grouped(2, hidden, emb), nn.ReLU())
        self.skips = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, channels, 1, groups=channels), nn.ReLU()) for _ in range(4)
        )
        self.third = separable(channels)
        self.ups = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(channels, channels, (1, 3), (1, 2), (0, 1), (0, 1), groups=channels, bias=False),
                nn.Conv2d(channels, channels, 1),
                nn.ReLU(),
            )
            for _ in range(2)
        )
        self.out = nn.Sequential(nn.Conv2d(channels, 1, (1, 3), padding=(0, 1)), nn.Sigmoid())

    def forward(self, emb, e3, e2, e1, e0):
        b, t, _ = emb.shape
        y = self.last(self.gru(self.first(emb))[0]).view(b, t, -1, self.channels).permute(0, 3, 1, 2)
        y = self.third(self.skips[3](e3) + y)
        y = self.ups[1](self.skips[2](e2) + y)
        y = self.ups[0](self.skips[1](e1) + y)
        return self.out(self.skips[0](e0) + y)


class DfDecoder(nn.Module):
    def __init__(self, bands, bins, channels, hidden):
        super().__init__()
        emb = channels * bands // 4
        self.bins = bins
        self.path = nn.Sequential(
            past(2),
            nn.Conv2d(channels, 2 * ORDER, (3, 1), groups=2, bias=False),
            nn.Conv2d(2 * ORDER, 2 * ORDER, 1),
            nn.ReLU(),
        )
        self.first, self.gru = nn.Sequential(Grouped(2, emb, hidden), nn.ReLU()), recurrent(hidden, 2)
        self.skip = Grouped(2, emb, hidden)
        self.out = nn.Sequential(Grouped(2, hidden, bins * 2 * ORDER), nn.Tanh())
        self.unused = nn.Sequential(nn.Linear(hidden, 1), nn.Sigmoid())

    def forward(self, emb, c0):
        b, t, _ = emb.shape
        c = self.gru(self.first(emb))[0] + self.skip(emb)
        coefs = self.out(c).view(b, t, self.bins, 2 * ORDER)
        return coefs + self.path(c0).permute(0, 2, 3, 1), self.unused(c)


def small(**changed: int) -> dict[str, bytes]:
    """File name -> bytes of a network, as NAMES has them; WIDTHS may be changed."""
    return dict(_small(tuple(sorted({**WIDTHS, **changed}.items()))))


@functools.cache
def _small(widths: tuple[tuple[str, int], ...]) -> dict[str, bytes]:
    sizes = dict(widths)
    bands, bins, channels = sizes["bands"], sizes["bins"], sizes["channels"]
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(7)
        emb = channels * bands // 4
        e = {f"e{i}": torch.randn(1, channels, 5, bands // (1, 2, 4, 4)[i]) for i in range(4)}
        given = {"emb": torch.randn(1, 5, emb), "c0": torch.randn(1, channels, 5, bins)}
        features = {"feat_erb": torch.randn(1, 1, 5, bands), "feat_spec": torch.randn(1, 2, 5, bins)}
        made = {"config.ini": CONFIG.format(**sizes).encode()}
        parts = (
            ("enc", Encoder, features, ("e0", "e1", "e2", "e3", "emb", "c0", "lsnr")),
            ("erb_dec", ErbDecoder, {"emb": given["emb"], **{f"e{i}": e[f"e{i}"] for i in (3, 2, 1, 0)}}, ("m",)),
            ("df_dec", DfDecoder, given, ("coefs", "unused")),
        )
        for name, kind, inputs, outputs in parts:
            path = Path(folder) / f"{name}.onnx"
            axes = {key: {1 if value.ndim == 3 else 2: "S"} for key, value in inputs.items()}
            axes |= {key: {1 if key in ("emb", "lsnr", "coefs", "unused") else 2: "S"} for key in outputs}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    kind(**sizes).eval(), tuple(inputs.values()), path, input_names=list(inputs), output_names=list(outputs),
                    dynamic_axes=axes, opset_version=12, dynamo=False,
                )  # fmt: skip
            made[f"{name}.onnx"] = path.read_bytes()
    return made


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def archive_of(path: Path, files: dict[str, bytes], top: str = "tmp/export/") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path
