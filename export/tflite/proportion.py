"""Whether a .tflite holds as much as its tables say: before anything of it is copied."""

from __future__ import annotations

from typing import Any

MOST_METADATA = 16
MOST_SUBGRAPHS = 16
MOST_SIGNATURES = 16


def require_proportion(model: Any, size: int) -> None:
    """Refuse a file whose tables, by offsets that lead to one place, hold more than the file has bytes; else a small file could
    take all memory.

    model: the root table of the schema; size: bytes of the file. Raises ValueError, and what the generated code raises on offsets
    that lead nowhere.
    """
    left = size

    def take(amount: int) -> None:
        nonlocal left
        left -= amount
        if amount < 0 or left < 0:
            raise ValueError("its tables lie over one another")

    counts = model.SubgraphsLength(), model.SignatureDefsLength(), model.MetadataLength()
    if any(count > most for count, most in zip(counts, (MOST_SUBGRAPHS, MOST_SIGNATURES, MOST_METADATA), strict=True)):
        raise ValueError("it has more subgraphs, signatures or metadata than any model")
    take(4 * (model.OperatorCodesLength() + model.BuffersLength() + model.MetadataBufferLength()))
    for index in range(model.BuffersLength()):
        take(model.Buffers(index).DataLength())
    for index in range(model.OperatorCodesLength()):
        take(len(model.OperatorCodes(index).CustomCode() or b""))
    for index in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(index)
        take(4 * (signature.InputsLength() + signature.OutputsLength()) + len(signature.SignatureKey() or b""))
        ends = [signature.Inputs(i) for i in range(signature.InputsLength())]
        ends += [signature.Outputs(i) for i in range(signature.OutputsLength())]
        for end in ends:
            take(len(end.Name() or b""))
    for index in range(model.SubgraphsLength()):
        _take_subgraph(model.Subgraphs(index), take)


def _take_subgraph(subgraph: Any, take: Any) -> None:
    take(4 * (subgraph.TensorsLength() + subgraph.OperatorsLength()))
    take(4 * (subgraph.InputsLength() + subgraph.OutputsLength()) + len(subgraph.Name() or b""))
    for index in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(index)
        take(len(tensor.Name() or b"") + 4 * (tensor.ShapeLength() + tensor.ShapeSignatureLength()))
        if tensor.Sparsity() is not None or tensor.VariantTensorsLength():
            raise ValueError("a tensor is sparse or of variants")
        if (quantization := tensor.Quantization()) is not None:
            take(4 * quantization.ScaleLength() + 8 * quantization.ZeroPointLength())
            take(4 * (quantization.MinLength() + quantization.MaxLength()))
    for index in range(subgraph.OperatorsLength()):
        operator = subgraph.Operators(index)
        take(4 * (operator.InputsLength() + operator.OutputsLength() + operator.IntermediatesLength()))
        take(operator.MutatingVariableInputsLength() + operator.CustomOptionsLength())
