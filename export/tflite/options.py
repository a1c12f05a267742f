"""Option tables of the operators: names in snake case and enums by name on one side, schema objects on the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ...quantize.operators import OPERATORS
from .schema import enum_name

_ENUMS = {
    "fused_activation_function": "ActivationFunctionType",
    "padding": "Padding",
    "weights_format": "FullyConnectedOptionsWeightsFormat",
    "quantized_bias_type": "TensorType",
}

# Of operators that no integer graph has, but files of other makers: `foreign` writes them in those of the graph.
FOREIGN: Mapping[str, str | None] = {
    "ASSIGN_VARIABLE": "AssignVariableOptions",
    "CALL_ONCE": "CallOnceOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "PACK": "PackOptions",
    "READ_VARIABLE": "ReadVariableOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "UNPACK": "UnpackOptions",
    "VAR_HANDLE": "VarHandleOptions",
}

# Differs from the schema's own default, which no quantised int16 kernel accepts.
_DEFAULTS = {"pot_scale_int16": False}


def _snake_case(attribute: str) -> str:
    """Schema attribute to option name.

    >>> _snake_case("fusedActivationFunction"), _snake_case("potScaleInt16"), _snake_case("dilationHFactor")
    ('fused_activation_function', 'pot_scale_int16', 'dilation_h_factor')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", attribute).lower()


def plain(value: Any) -> Any:
    """An option value as JSON has it: numpy scalars and sequences become Python's.

    >>> plain((1, np.int32(2))), plain(np.bool_(True)), plain("SAME")
    ([1, 2], True, 'SAME')
    """
    if isinstance(value, (tuple, list, np.ndarray)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _defaults(schema: ModuleType, kind: str) -> tuple[Any, dict[str, str]]:
    """An option table with the project's defaults, and its attribute for each option name; (None, {}) without table."""
    table = FOREIGN[kind] if kind in FOREIGN else OPERATORS[kind].options
    if table is None:
        return None, {}
    options = getattr(schema, f"{table}T")()
    attributes = {_snake_case(attribute): attribute for attribute in vars(options)}
    for name, value in _DEFAULTS.items():
        if name in attributes:
            setattr(options, attributes[name], value)
    return options, attributes


def _type_of(schema: ModuleType, table: Any) -> int:
    """The number of an option table's type."""
    return int(getattr(schema.BuiltinOptions, type(table).__name__.removesuffix("T")))


def _to_schema(schema: ModuleType, name: str, value: Any) -> Any:
    if name in _ENUMS:
        return getattr(getattr(schema, _ENUMS[name]), value)
    return value


def _from_schema(schema: ModuleType, name: str, value: Any) -> Any:
    if name in _ENUMS:
        return enum_name(getattr(schema, _ENUMS[name]), value)
    return plain(value)


def encode(schema: ModuleType, kind: str, label: str, options: Mapping[str, Any]) -> tuple[int, Any]:
    """(option type, option table) of an operator; raises `StapesError` for an option that the operator lacks."""
    table, attributes = _defaults(schema, kind)
    for name, value in options.items():
        if name not in attributes:
            known = ", ".join(sorted(attributes)) or "none"
            raise StapesError(f"operator '{label}' ({kind}) has no option '{name}'; known: {known}")
        try:
            setattr(table, attributes[name], _to_schema(schema, name, plain(value)))
        except (AttributeError, TypeError):
            raise StapesError(f"operator '{label}' ({kind}): option {name}={value!r} is not a value of it") from None
    return (0 if table is None else _type_of(schema, table)), table


def decode(schema: ModuleType, kind: str, table_type: int, table: Any) -> dict[str, Any]:
    """Every option of an operator's table by name; raises `ValueError` for a table of another operator."""
    default, attributes = _defaults(schema, kind)
    expected = 0 if default is None else _type_of(schema, default)
    if table_type != expected:
        raise ValueError(f"option table {table_type} does not belong to {kind}")
    if table is None:
        return {}
    return {name: _from_schema(schema, name, getattr(table, attribute)) for name, attribute in attributes.items()}


def defaults(schema: ModuleType, kind: str) -> dict[str, Any]:
    """What `decode` gives for an operator whose options were all left out."""
    table, _ = _defaults(schema, kind)
    expected = 0 if table is None else _type_of(schema, table)
    return decode(schema, kind, expected, table)


def of_operator(schema: ModuleType, kind: str, operator: Any) -> dict[str, Any]:
    """The options of an operator of any maker, who may leave the table out where all of it is default.

    operator: as the schema reads it, not unpacked. Raises ValueError for a table of another operator, LookupError for an enum value
    without a name.
    """
    default, attributes = _defaults(schema, kind)
    table = operator.BuiltinOptions()
    if default is None:
        return {}
    if table is not None and operator.BuiltinOptionsType():
        if operator.BuiltinOptionsType() != _type_of(schema, default):
            raise ValueError(f"option table {operator.BuiltinOptionsType()} does not belong to {kind}")
        default = type(default).InitFromBuf(table.Bytes, table.Pos)
    return {name: _from_schema(schema, name, getattr(default, attribute)) for name, attribute in attributes.items()}
