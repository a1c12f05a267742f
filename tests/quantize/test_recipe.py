"""Recipes are read whole or refused with the key that is wrong."""

import tomllib

import pytest
from stapes.models.errors import StapesError
from stapes.quantize.recipe import builtin_recipes, load_recipe, parse_recipe


@pytest.mark.parametrize("name", builtin_recipes())
def test_built_in_recipes_load_and_survive_being_written(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert parse_recipe(tomllib.loads(recipe.to_toml()), "again") == recipe


def test_the_first_matching_exception_counts():
    document = {
        "activations": {"dtype": "int8", "range": "mse"},
        "tensor": [{"match": ["gru0/h*"], "dtype": "int16"}, {"match": "gru*", "range": "minmax"}],
    }
    recipe = parse_recipe(document, "r")
    assert recipe.for_tensor(("gru0/hr",)).dtype == "int16"
    assert recipe.for_tensor(("gru0/xr",)).range == "minmax"
    assert recipe.for_tensor(("mask",)) == recipe.activations


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"weight": {}}, "unknown key 'weight'"),
        ({"weights": {"bits": 4}}, "unknown key 'bits'"),
        ({"weights": {"granularity": "row"}}, "granularity is 'row'"),
        ({"weights": {"equalisation": 2}}, "weights.equalisation is 2; it must be at most 1"),
        ({"weights": {"equalisation": "half"}}, "equalisation is 'half'; it must be a number"),
        ({"weights": {"bias_correction": 1}}, "bias_correction is 1"),
        ({"activations": {"clip": 0}}, "activations.clip is 0; it must be above 0"),
        ({"tensor": [{"match": "x", "clip": "half"}]}, "clip is 'half'"),
        ({"tensor": [{"match": "x", "clip": 5}]}, r"tensor\[0\].clip is 5; it must be at most 4"),
        ({"weights": {"form": "matmul"}}, "form is 'matmul'"),
        ({"activations": {"dtype": "int4"}}, "dtype is 'int4'"),
        ({"activations": {"range": "max"}}, "range is 'max'"),
        ({"activations": {"percentile": 3.0}}, "percentile"),
        ({"activations": {"headroom": 0.5}}, "headroom"),
        ({"activations": []}, "activations is a list; it must be a table"),
        ({"tensor": [{"dtype": "int16"}]}, "tensor\\[0\\].match is missing"),
        ({"tensor": [{"match": []}]}, "match is a list; it must be a list that is not empty"),
        ({"tensor": [{"match": ["x", 3]}]}, r"match\[1\] is 3; it must be text"),
        ({"tensor": "x"}, "tensor is 'x'; it must be a list"),
        ({"thresholds": {"snr": 3}}, "unknown key 'snr' in thresholds; known are mask_snr_db"),
        ({"thresholds": {"mask_snr_db": float("inf")}}, "mask_snr_db is inf; it must be a finite number"),
        ({"name": ""}, "name is ''; give one line"),
        ({"name": "a\nb"}, "name is 'a.+b'; give one line"),
        ({"name": "a\x1b[2J"}, "give one line"),
        ({"name": "x" * 101}, "give one line"),
        ({"name": 3}, "name is 3; it must be text"),
    ],
)
def test_a_wrong_key_or_value_is_named(document, word):
    with pytest.raises(StapesError, match=word):
        parse_recipe(document, "r.toml")


def test_patterns_that_match_nothing_are_found():
    recipe = parse_recipe({"tensor": [{"match": ["a*", "b"]}, {"match": ["@input", "c?"]}]}, "r")
    assert recipe.unmatched(["ab", "@input", "c"]) == ["b", "c?"]


HOSTILE = {
    "nested": b"a = " + b"[" * 200_000,
    "dotted": b".".join([b"a"] * 200_000) + b" = 1",
    "not UTF-8": b"\xff\xfe",
    "twice": b"name = 'a'\nname = 'b'",
    "NUL": b"name = 'a\0b'",
    "a date": b"name = 2026-01-01",
    "endless": b"# " + b"x" * (2 << 20),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_text_that_no_recipe_has_is_refused_in_one_line(tmp_path, kind):
    (tmp_path / "r.toml").write_bytes(HOSTILE[kind])
    with pytest.raises(StapesError, match=r"r\.toml: ") as caught:
        load_recipe(tmp_path / "r.toml")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_files_that_are_no_recipe_are_refused(tmp_path):
    with pytest.raises(StapesError, match="not built in"):
        load_recipe("w4a4")
    path = tmp_path / "r.toml"
    path.write_text("name = ")
    with pytest.raises(StapesError, match="not TOML"):
        load_recipe(path)
    path.write_text('[tensor]\nmatch = ["gru*"]\ndtype = "int16"\n')
    with pytest.raises(
        StapesError, match=r"r\.toml: tensor is a table; it must be a list of tables, each below \[\[tensor\]\]; "
    ):
        load_recipe(path)
