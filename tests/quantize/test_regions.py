"""All regions of a graph are declared in one form, whoever knows of them."""

from collections import Counter
from dataclasses import replace

from stapes.quantize.regions import COMPOSED, REGIONS, declared, tensors_of

from tests.export.test_c_gtcrn import gtcrn


def test_gtcrn_declares_all_that_belongs_together():
    found = Counter(region.kind for region, _ in declared(gtcrn("w8a16")[0]))
    composed = {"gru": 8, "gru_sequence": 2, "layer_norm": 4, "energy": 6}
    assert found == composed | {"history": 6, "neighbours": 1, "padding": 6, "moves": 9}


def test_a_file_says_only_what_lowering_composed():
    assert {region.kind for region in gtcrn("w8a16")[0].regions} == set(COMPOSED) - {"curve"}


def test_no_operator_is_in_two_regions():
    names = [op.name for _, operators in declared(gtcrn("w8a16")[0]) for op in operators]
    assert len(names) == len(set(names))


def test_a_region_has_the_roles_that_its_kind_reads_and_writes():
    graph = gtcrn("w8a16")[0]
    for region, operators in declared(graph):
        kind = REGIONS[region.kind]
        made = {name for op in operators for name in op.outputs}
        read = {name for op in operators for name in op.inputs}
        assert set(tensors_of(region, kind.writes)) <= made
        reads = set(tensors_of(region, kind.reads))
        assert reads
        assert not reads & made
        # A RESHAPE, which moves nothing, may stand between them and the first operator.
        assert region.kind == "moves" or reads <= read
        assert all(new in kind.writes and old in kind.reads for new, old in kind.in_place)
        if kind.compositions:
            wanted = [{role: kind for role, (kind, _) in form.items()} for form in kind.compositions]
            makers = {name: op.kind for op in operators for name in op.outputs}
            assert {role: makers[name] for role, name in region.roles.items() if name in makers} in wanted


def test_what_cannot_be_run_as_one_step_is_left_to_the_kinds_behind_it():
    """Positions joined to their neighbours are moves where no convolution reads them as windows."""
    graph = gtcrn("w8a16")[0]
    found = declared(graph, lambda graph, region: region.kind != "neighbours")
    left = {op.name for region, operators in declared(graph) if region.kind == "neighbours" for op in operators}
    assert left & {op.name for region, operators in found if region.kind == "moves" for op in operators}


def test_looking_at_a_tensor_takes_apart_the_region_around_it():
    graph = gtcrn("w8a16")[0]
    pads = [region.roles["padded"] for region, _ in declared(graph) if region.kind == "padding"]
    seen = replace(graph, outputs=(*graph.outputs, pads[0]))
    assert [region.roles["padded"] for region, _ in declared(seen) if region.kind == "padding"] == pads[1:]
