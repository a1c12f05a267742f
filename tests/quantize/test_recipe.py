"""Recipes are read whole or refused with the key that is wrong."""

import tomllib

import pytest

from models.errors import StapesError
from quantize.recipe import builtin_recipes, load_recipe, parse_recipe


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
        ({"weights": {"equalisation": 2}}, "equalisation is 2.0"),
        ({"weights": {"equalisation": "half"}}, "give a number"),
        ({"weights": {"bias_correction": 1}}, "bias_correction is 1"),
        ({"activations": {"clip": 0}}, "clip must lie"),
        ({"tensor": [{"match": "x", "clip": "half"}]}, "clip is 'half'"),
        ({"tensor": [{"match": "x", "clip": 5}]}, "clip must lie"),
        ({"weights": {"form": "matmul"}}, "form is 'matmul'"),
        ({"activations": {"dtype": "int4"}}, "dtype is 'int4'"),
        ({"activations": {"range": "max"}}, "range is 'max'"),
        ({"activations": {"percentile": 3.0}}, "percentile"),
        ({"activations": {"headroom": 0.5}}, "headroom"),
        ({"activations": []}, "expected a table"),
        ({"tensor": [{"dtype": "int16"}]}, "'match' is missing"),
        ({"thresholds": {"snr": 3}}, "unknown key 'snr'"),
    ],
)
def test_a_wrong_key_or_value_is_named(document, word):
    with pytest.raises(StapesError, match=word):
        parse_recipe(document, "r.toml")


def test_files_that_are_no_recipe_are_refused(tmp_path):
    with pytest.raises(StapesError, match="not built in"):
        load_recipe("w4a4")
    path = tmp_path / "r.toml"
    path.write_text("name = ")
    with pytest.raises(StapesError, match="not TOML"):
        load_recipe(path)
