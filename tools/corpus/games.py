"""Packages of games whose sounds widen the training split, and only that: what is judged stays as it was.

Left out of each: what is of a kind that is kept for the test (tropical forest, radio static, cheering crowds), and
hums without anything above 5 kHz.
"""

from __future__ import annotations

from .rules import Noise, Package, Speech

_CC_BY, _CC_BY_SA = "CC-BY-3.0", "CC-BY-SA-3.0"
_HITS = (0.1, 0.6)
_CALLS = (0.2, 1.0)
_STEPS = (0.1, 0.3)


def _train(
    label: str, *patterns: str, join: tuple[float, float] | None = None, licence: str = "", author: str = ""
) -> tuple[Noise, ...]:
    return tuple(Noise(pattern, label, "train", join, licence, author) for pattern in patterns)


def _voice(pattern: str, speaker: str, language: str) -> Speech:
    return Speech(pattern, speaker, language, "train")


_LINCITY = Package(
    "lincity-ng-data",
    "apt",
    "GPL-2+",
    (
        *_train("hammering", "*/sounds/Blacksmith*.wav"),
        *_train("industry", *(f"*/sounds/{name}*.wav" for name in ("CoalMine", "OreMine", "Industry", "PowerCoal"))),
        *_train("industry", *(f"*/sounds/{name}*.wav" for name in ("Mill", "Recycle", "Tip", "Substation"))),
        *_train("market", "*/sounds/Market*.wav", "*/sounds/Commune*.wav"),
        *_train("traffic", "*/sounds/Trafic*.wav", "*/sounds/DirtTrack*.wav"),
        *_train("street", "*/sounds/Residential*.wav", "*/sounds/Shanty*.wav"),
        *_train("school", "*/sounds/School*.wav", "*/sounds/University*.wav"),
        *_train("siren", "*/sounds/FireStation*.wav", "*/sounds/Health[1-4].wav"),
        *_train("railway", "*/sounds/RailTrain*.wav"),
        *_train("farm", "*/sounds/Farm*.wav", "*/sounds/OrganicFarm*.wav"),
        *_train("outdoors", "*/sounds/Green*.wav", "*/sounds/Parkland*.wav"),
        *_train("harbour", "*/sounds/Harbor*.wav"),
        *_train("water", "*/sounds/Water*.wav"),
        *_train("fire", "*/sounds/Fire[1-3].wav"),
        *_train("machine", "*/sounds/WindMill*.wav"),
        *_train("construction", "*/sounds/MonumentConstruction[13].wav"),
        *_train("rumble", "*/sounds/Rocket[13].wav", "*/sounds/RocketTakeoff1.wav", "*/sounds/RocketExplosion1.wav"),
        *_train("music", "*/music/default/*.ogg"),
    ),
    author="LinCity-NG Team",
)

_SEARCH_AND_RESCUE = Package(
    "searchandrescue-data",
    "apt",
    "GPL-2",
    (
        *_train("helicopter", "*/sounds/helicopter_engine*.wav", "*/sounds/hh6?/engine*.wav"),
        *_train("aircraft", "*/sounds/jet_engine*.wav"),
        *_train("thunder", "*/sounds/thunder_*.wav"),
    ),
    author="WolfPack Entertainment",
)

_SIMUTRANS = Package(
    "simutrans-pak64",
    "apt",
    "Artistic-1.0",
    (
        *_train("traffic", "*/sound/bus.wav", "*/sound/truck.wav", "*/sound/diesel.wav"),
        *_train("aircraft", "*/sound/comet-jet.wav", "*/sound/planelow.wav"),
        *_train("railway", "*/sound/crossing.wav", "*/sound/steam.wav"),
        *_train("saw", "*/sound/buzzsaw.wav"),
        *_train("hammering", "*/sound/tree-cutting.wav"),
        *_train("sea", "*/sound/seagulls.wav"),
        *_train("water", "*/sound/Water.wav"),
        *_train("wind", "*/sound/desert.wav", "*/sound/arctic.wav"),
        *_train("outdoors", "*/sound/forest.wav"),
        *_train("animals", "*/sound/horse.wav"),
    ),
    author="Hansjörg Malthaner and contributors",
)

_UNKNOWN_HORIZONS = Package(
    "unknown-horizons",
    "apt",
    _CC_BY_SA,
    (
        *_train("hammering", "*/sounds/lumberjack_long.ogg", "*/sounds/stonemason.ogg"),
        *_train("market", "*/sounds/main_square.ogg", "*/sounds/warehouse.ogg"),
        *_train("animals", "*/sounds/sheepfield.ogg"),
        *_train("tavern", "*/sounds/tavern.ogg"),
        *_train("music", "*/audio/music/*.ogg"),
    ),
    author="Unknown Horizons Team",
)

_WESNOTH = Package(
    "wesnoth-1.16-data",
    "apt",
    "GPL-2+",
    (
        *_train("birds", "*/ambient/birds*.ogg", "*/ambient/morning.ogg"),
        *_train("fire", "*/ambient/campfire.ogg"),
        *_train("harbour", "*/ambient/ship.ogg"),
        *_train("music", "*/ambient/wardrums.ogg"),
        *_train("hiss", "*/sounds/fuse.ogg"),
        *_train("animals", *(f"*/sounds/{name}*" for name in ("gryphon", "wolf", "horse", "bat")), join=_CALLS),
        *_train("combat", "*/core/sounds/*-miss*", join=_HITS),
        *_train("debris", "*/sounds/gold.ogg", "*/sounds/cave-in.ogg"),
    ),
    author="Battle for Wesnoth Project",
)

_UFO = Package(
    "ufoai-sound",
    "apt",
    _CC_BY_SA,
    (
        *_train("city", "*/ambience/city_abnd_ufoai_atm.ogg", licence="GPL-2+"),
        *_train("television", "*/ambience/tv_newswav.ogg"),
        *_train("night insects", "*/ambience/ufo_night_atm.ogg", "*/ambience/cricket_loop.ogg", licence="GPL-2+"),
        *_train("machine", "*/ambience/minepump03.ogg", licence=_CC_BY),
        *_train("crackle", "*/ambience/bloodspiderwalk.ogg", licence=_CC_BY),
        *_train("fire", "*/ambience/fire*.ogg", "*/ambience/smallfire.ogg", licence="CC-BY-SA-3.0, GPL-2"),
        *_train("water", "*/ambience/water0*.ogg", "*/ambience/waterfontain.ogg"),
        *_train("hiss", "*/ambience/steam.ogg", licence="GPL-2+"),
        *_train("engine", "*/ugv/diesel-move.ogg", "*/ugv/hover-move.ogg"),
        *_train("aircraft", "*/seq/humanflyby.ogg"),
        *_train("dishes", "*/misc/breakglass*.ogg", join=_HITS),
        *_train("debris", "*/misc/breakmetal*.ogg", "*/misc/breakwood*.ogg", "*/misc/breakelectric*.ogg", join=_HITS),
        *_train("gunfire", "*/weapons/bullet-*.ogg", join=_HITS),
        *_train("explosions", "*/weapons/explosion*.ogg", join=_HITS),
        *_train("footsteps", "*/footsteps/*.ogg", join=_STEPS),
    ),
    author="UFO: Alien Invasion Team",
)

_EXTREME_TUX_RACER = Package(
    "extremetuxracer-data",
    "apt",
    "GPL-2+",
    _train("sliding", "*/sounds/*_slide.wav"),
    author="Extreme Tux Racer Team",
)

_LUGARU = Package(
    "lugaru-data",
    "apt",
    _CC_BY_SA,
    (
        *_train("wind", "*/Sounds/Wind.ogg"),
        *_train("outdoors", "*/Sounds/DesertAmbient.ogg"),
        *_train("fire", "*/Sounds/Fire.ogg"),
        *_train("music", "*/Sounds/Music*.ogg"),
    ),
    author="Wolfire Games",
)

_FLARE = Package(
    "flare-game",
    "apt",
    _CC_BY_SA,
    (
        *_train("rain", "*/environment/rain.ogg"),
        *_train("hammering", "*/environment/anvil_loop.ogg"),
        *_train("birds", "*/environment/bird_twitter_loop.ogg", "*/environment/raven_loop.ogg"),
        *_train("water", "*/environment/river_loop.ogg", "*/environment/cave_droplets_loop.ogg"),
        *_train("wind", "*/environment/wind_loop.ogg"),
        *_train("fire", "*/environment/open_fire*.ogg"),
        *_train("cart", "*/environment/minecart.ogg"),
        *_train("debris", "*/environment/falling_rocks.ogg"),
        *_train("footsteps", "*/soundfx/steps/*.ogg", join=_STEPS),
        *_train("rustling", "*/soundfx/inventory/*.ogg", join=_HITS),
    ),
    author="Clint Bellanger and contributors",
)

_ENDLESS_SKY = Package(
    "endless-sky-data",
    "apt",
    "public domain",
    (
        *_train(
            "explosions",
            "*/sounds/explosion *.wav",
            join=_HITS,
            licence="public domain; one of them CC-BY-SA-3.0",
            author="Mike Koenig, contributors of Endless Sky",
        ),
        *_train("explosions", "*/sounds/final explosion *.wav", join=_HITS),
        *_train("hiss", "*/sounds/fire-lance~.wav", "*/sounds/landing.wav"),
    ),
    author="Michael Zahniser and contributors",
)

_ZERO_AD = Package(
    "0ad-data",
    "apt",
    _CC_BY_SA,
    (
        *(
            _voice(f"*/voice/{people}/civ/civ_{sex}_*.ogg", f"0ad-{people}-{sex}", language)
            for people, language in (("greek", "el"), ("latin", "la"), ("persian", "fa"), ("napatan", "cop"))
            for sex in ("female", "male")
        ),
        *_train("farm", "*/ambient/building/amb_farm_*.ogg"),
        *_train("harbour", "*/ambient/building/amb_port_*.ogg"),
        *_train("market", "*/ambient/building/amb_trade_*.ogg"),
        *_train("birds", "*/dayscape/day_temperate_*.ogg"),
        *_train("water", "*/ambient/water/river_*.ogg", "*/ambient/water/waterfall_*.ogg"),
        *_train("sea", "*/ambient/water/wave*.ogg"),
        *_train("rain", "*/ambient/weather/rain_*.ogg"),
        *_train("leaves", "*/ambient/weather/windleaves_*.ogg", "*/resource/foraging/leaves_*.ogg", join=_STEPS),
        *_train("wind", "*/ambient/weather/wind*.ogg", "*/ambient/weather/snowstorm_*.ogg"),
        *_train("thunder", "*/ambient/weather/thunder_*.ogg"),
        *_train("animals", "*/actor/fauna/animal/*.ogg", join=_CALLS),
        *(
            rule
            for ground in ("Sand", "Grass", "Gravel", "Rock", "Wood")
            for rule in _train("footsteps", f"*/Footsteps/Foo*_{ground}_*.ogg", join=_STEPS)
        ),
        *_train("combat", "*/attack/weapon/*.ogg", "*/attack/impact/*.ogg", "*/attack/siege/*.ogg", join=_HITS),
        *_train("construction", "*/resource/construction/*.ogg", "*/resource/mining/*.ogg", join=_HITS),
        *_train("hammering", "*/resource/lumbering/*.ogg", join=_HITS),
        *_train("rustling", "*/resource/gathering/*.ogg", "*/resource/farming/*.ogg", join=_HITS),
        *_train("debris", "*/attack/destruction/*.ogg", "*/actor/gate/*.ogg", join=_HITS),
    ),
    author="Wildfire Games",
)

_MORPH = "Slawek Blauciak"

_RED_ECLIPSE = Package(
    "redeclipse-data",
    "apt",
    _CC_BY_SA,
    (
        *_train("water", "*/ambience/creek.ogg", author="Richard Humphries"),
        *_train("water", "*/ambience/river.ogg", author="acclivity"),
        *_train("water", "*/ambience/water.ogg", author="Paul Hertz"),
        *_train("water", "*/ambience/water*.ogg", author="Tim Kahn"),
        *_train("night insects", "*/ambience/cycadas.ogg", licence=_CC_BY, author="dobroide"),
        *_train("night insects", "*/ambience/nightcrickets.ogg", author="Richard Humphries"),
        *_train("traffic", "*/ambience/distant_cars.ogg", licence=_CC_BY, author="fresco"),
        *_train("birds", "*/ambience/forest?.ogg", licence=_CC_BY, author="dobroide"),
        *_train("bubbling", "*/ambience/lava?.ogg"),
        *_train("rain", "*/ambience/morph/rain.ogg", "*/ambience/morph/stormrain.ogg", licence=_CC_BY, author=_MORPH),
        *_train("wind", "*/ambience/morph/*wind*.ogg", licence=_CC_BY, author=_MORPH),
        *_train("wind", "*/ambience/wind.ogg", author="Batuhan Bozkurt"),
        *_train("wind", "*/ambience/wastewind.ogg"),
        *_train("thunder", "*/ambience/morph/stormbolts.ogg", licence=_CC_BY, author=_MORPH),
        *_train("machine", "*/ambience/morph/machine1[0-4].ogg", licence=_CC_BY, author=_MORPH),
        *_train("hiss", "*/ambience/vapour.ogg"),
        *_train("gunfire", "*/sounds/weapons/*.ogg", join=_HITS),
        *_train("music", "*/sounds/music/*.ogg", author="Derek Stegall"),
    ),
    author="Red Eclipse Team",
)

GAMES = (
    _LINCITY,
    _SEARCH_AND_RESCUE,
    _SIMUTRANS,
    _UNKNOWN_HORIZONS,
    _WESNOTH,
    _UFO,
    _EXTREME_TUX_RACER,
    _LUGARU,
    _FLARE,
    _ENDLESS_SKY,
    _ZERO_AD,
    _RED_ECLIPSE,
)
