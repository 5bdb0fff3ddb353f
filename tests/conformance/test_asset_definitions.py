"""Attributes of asset definitions, and the errors that bad definitions raise."""

import pytest

from tests.conformance.api import dg


@dg.asset(
    key_prefix=["pre", "fix"],
    metadata={"a": 1},
    tags={"t": "v"},
    owners=["team:x", "a@b.com"],
    kinds={"python"},
    group_name="g",
    code_version="7",
    description="What it is.",
    op_tags={"op": "tag"},
)
def full():
    return 1


KEY = dg.AssetKey(["pre", "fix", "full"])


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda a: a.key, KEY),
        (lambda a: set(a.keys), {KEY}),
        (lambda a: a.op.name, "pre__fix__full"),
        (lambda a: a.node_def.name, "pre__fix__full"),
        (lambda a: a.keys_by_output_name, {"result": KEY}),
        (lambda a: a.keys_by_input_name, {}),
        (lambda a: a.group_names_by_key, {KEY: "g"}),
        (lambda a: a.descriptions_by_key, {KEY: "What it is."}),
        (lambda a: a.tags_by_key[KEY]["t"], "v"),
        (lambda a: a.specs_by_key[KEY].owners, ["team:x", "a@b.com"]),
        (lambda a: a.specs_by_key[KEY].kinds, {"python"}),
        (lambda a: a.specs_by_key[KEY].group_name, "g"),
        (lambda a: a.specs_by_key[KEY].code_version, "7"),
        (lambda a: a.code_versions_by_key, {KEY: "7"}),
        (lambda a: a.op.tags, {"op": "tag"}),
        (lambda a: a.is_executable, True),
        (lambda a: a.is_materializable, True),
        (lambda a: a.is_observable, False),
        (lambda a: a.is_external, False),
        (lambda a: a.can_subset, False),
        (lambda a: a.partitions_def, None),
        (lambda a: a.backfill_policy, None),
        (lambda a: list(a.check_keys), []),
        (lambda a: a.required_resource_keys, {"io_manager"}),
        (lambda a: a.asset_deps, {KEY: set()}),
        (lambda a: set(a.dependency_keys), set()),
        (lambda a: a.get_asset_spec().key, KEY),
        (lambda a: a.has_keys, True),
        (lambda a: [spec.key for spec in a.specs], [KEY]),
        (lambda a: a.metadata_by_key[KEY]["a"], 1),
        (lambda a: a.get_op_def_for_asset_key(KEY).name, "pre__fix__full"),
        (lambda a: len(a.op.output_defs), 1),
        (lambda a: a.op.output_defs[0].name, "result"),
    ],
)
def test_attribute(read, expected):
    """What a definition tells about itself."""
    assert read(full) == expected


def test_metadata_of_the_output():
    """The definition's metadata is that of the op's output."""
    assert full.op.output_defs[0].metadata["a"] in (1, dg.MetadataValue.int(1))


def bad(**kwargs):
    """Define an asset with bad arguments."""

    @dg.asset(**kwargs)
    def a():
        return 1

    return a


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"group_name": "a b"}, "DagsterInvalidDefinitionError"),
        ({"group_name": "a-b"}, "DagsterInvalidDefinitionError"),
        ({"tags": {"a/b/c": "x"}}, "DagsterInvalidDefinitionError"),
        ({"tags": {"a": 5}}, "DagsterInvalidDefinitionError"),
        ({"owners": ["nobody"]}, "DagsterInvalidDefinitionError"),
        ({"kinds": {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}}, "DagsterInvalidDefinitionError"),
        ({"io_manager_key": "x", "io_manager_def": dg.mem_io_manager}, "CheckError"),
        ({"compute_kind": "a", "kinds": {"b"}}, "DagsterInvalidDefinitionError"),
        ({"key": "a", "key_prefix": "b"}, "DagsterInvalidDefinitionError"),
        ({"key": "a", "name": "b"}, "DagsterInvalidDefinitionError"),
        ({"ins": {"nothing_like_it": dg.AssetIn()}}, "DagsterInvalidDefinitionError"),
        ({"automation_condition": 5}, "CheckError"),
        ({"retry_policy": 5}, "CheckError"),
        ({"partitions_def": 5}, "CheckError"),
        ({"resource_defs": {"a": 3}, "required_resource_keys": {"b"}}, None),
        ({"metadata": {"a": object()}}, None),
        ({"tags": {"a": "b" * 64}}, "DagsterInvalidDefinitionError"),
        ({"output_required": False}, None),
        ({"check_specs": [dg.AssetCheckSpec("c", asset="other")]}, "DagsterInvalidDefinitionError"),
        (
            {"check_specs": [dg.AssetCheckSpec("c", asset="a"), dg.AssetCheckSpec("c", asset="a")]},
            "DagsterInvalidDefinitionError",
        ),
    ],
)
def test_bad_arguments(kwargs, error):
    """Contradictions and forbidden names are found when the asset is defined."""
    if error is None:
        assert bad(**kwargs)
        return
    kinds = (getattr(dg, error),) if hasattr(dg, error) else (Exception,)
    with pytest.raises(kinds):
        bad(**kwargs)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_keys_are_coerced(given, path):
    """A key is made from a string or a sequence."""
    assert dg.AssetKey(given).path == path
    assert dg.AssetKey.from_coercible(given).path == path or "/" in str(given)


@pytest.mark.parametrize("given", [5, None, {"a": 1}])
def test_bad_keys(given):
    """Other things are no keys."""
    with pytest.raises(Exception, match=r".+"):
        dg.AssetKey(given)


def test_key_methods():
    """Keys turn into strings and back, and take prefixes."""
    key = dg.AssetKey(["a", "b"])

    assert key.to_user_string() == "a/b"
    assert dg.AssetKey.from_user_string("a/b") == key
    assert key.to_string() == '["a", "b"]'
    assert dg.AssetKey.from_db_string('["a", "b"]') == key
    assert key.with_prefix("p") == dg.AssetKey(["p", "a", "b"])
    assert key.with_prefix(["p", "q"]).path == ["p", "q", "a", "b"]
    assert key.to_python_identifier() == "a__b"
    assert key.to_python_identifier("s") == "a__b__s"
    assert key.has_prefix(["a"])
    assert not key.has_prefix(["b"])
    assert key.to_escaped_user_string() == "a/b"
    assert len({key, dg.AssetKey(["a", "b"])}) == 1
    assert dg.AssetKey("a") < dg.AssetKey("b")


def test_check_key():
    """A check's key holds the asset's key and a name."""
    key = dg.AssetCheckKey(dg.AssetKey(["a", "b"]), "c")

    assert key.to_user_string() == "a/b:c"
    assert key.name == "c"
    assert key.asset_key == dg.AssetKey(["a", "b"])


def test_with_attributes():
    """A definition can be copied under other keys."""
    made = full.with_attributes(asset_key_replacements={KEY: dg.AssetKey("new")})

    assert made.key == dg.AssetKey("new")
    assert full.key == KEY


def test_to_source_assets():
    """A definition gives source assets of its keys."""
    (source,) = full.to_source_assets()

    assert source.key == KEY


def test_multi_asset_attributes():
    """Outputs, keys and internal dependencies of an op that makes several assets."""

    @dg.multi_asset(
        outs={"x": dg.AssetOut(key="one"), "y": dg.AssetOut(key_prefix="p", group_name="g", is_required=False)},
        internal_asset_deps={"x": {dg.AssetKey("up")}, "y": {dg.AssetKey("one")}},
        can_subset=True,
    )
    def both(up):
        pass

    y = dg.AssetKey(["p", "y"])
    assert both.keys_by_output_name == {"x": dg.AssetKey("one"), "y": y}
    assert both.keys_by_input_name["up"] == dg.AssetKey("up")
    assert both.asset_deps == {dg.AssetKey("one"): {dg.AssetKey("up")}, y: {dg.AssetKey("one")}}
    assert both.group_names_by_key[y] == "g"
    assert both.can_subset
    with pytest.raises(Exception, match=r".+"):
        _ = both.key


def test_multi_asset_bad_internal_deps():
    """Internal dependencies name assets that are there."""
    with pytest.raises(Exception, match="Invalid asset dependencies"):

        @dg.multi_asset(outs={"x": dg.AssetOut()}, internal_asset_deps={"x": {dg.AssetKey("nobody")}})
        def both():
            pass


def test_multi_asset_unknown_output_in_internal_deps():
    """Internal dependencies belong to outputs that are there."""
    with pytest.raises(Exception, match=r".+"):

        @dg.multi_asset(outs={"x": dg.AssetOut()}, internal_asset_deps={"z": {dg.AssetKey("x")}})
        def both():
            pass


def test_multi_asset_outs_and_specs():
    """Outs and specs exclude each other."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.multi_asset(outs={"x": dg.AssetOut()}, specs=[dg.AssetSpec("y")])
        def both():
            pass


def test_asset_out_group_conflict():
    """A group is given once."""
    with pytest.raises(Exception, match=r".+"):

        @dg.multi_asset(outs={"x": dg.AssetOut(group_name="a")}, group_name="b")
        def both():
            pass


@pytest.mark.parametrize(
    ("kwargs", "read", "expected"),
    [
        ({}, lambda s: s.key, dg.AssetKey("a")),
        ({"deps": ["b"]}, lambda s: [d.asset_key for d in s.deps], [dg.AssetKey("b")]),
        ({"deps": [dg.AssetSpec("b")]}, lambda s: [d.asset_key for d in s.deps], [dg.AssetKey("b")]),
        ({"deps": [full]}, lambda s: [d.asset_key for d in s.deps], [KEY]),
        ({"skippable": True}, lambda s: s.skippable, True),
        ({"group_name": "g"}, lambda s: s.group_name, "g"),
        ({"tags": {"a": "b"}}, lambda s: s.tags, {"a": "b"}),
        ({"kinds": {"x"}}, lambda s: s.kinds, {"x"}),
        ({"kinds": {"x"}}, lambda s: s.tags, {"dagster/kind/x": ""}),
        ({"owners": ["team:y"]}, lambda s: s.owners, ["team:y"]),
        ({"code_version": "1"}, lambda s: s.code_version, "1"),
        ({"description": "d"}, lambda s: s.description, "d"),
        ({"metadata": {"k": "v"}}, lambda s: s.metadata, {"k": "v"}),
        ({}, lambda s: s.replace_attributes(group_name="n").group_name, "n"),
        ({"tags": {"a": "b"}}, lambda s: s.merge_attributes(tags={"c": "d"}).tags, {"a": "b", "c": "d"}),
        ({"deps": ["x"]}, lambda s: len(s.merge_attributes(deps=["y"]).deps), 2),
        ({"owners": ["team:y"]}, lambda s: s.merge_attributes(owners=["team:z"]).owners, ["team:y", "team:z"]),
        ({"metadata": {"k": 1}}, lambda s: s.merge_attributes(metadata={"k": 2}).metadata, {"k": 2}),
        ({"kinds": {"x"}}, lambda s: s.merge_attributes(kinds={"y"}).kinds, {"x", "y"}),
        ({}, lambda s: s.with_io_manager_key("io").metadata, {"dagster/io_manager_key": "io"}),
    ],
)
def test_asset_spec(kwargs, read, expected):
    """What a spec tells, and copies of it with changes."""
    assert read(dg.AssetSpec("a", **kwargs)) == expected


def test_spec_bad_deps():
    """A dependency is an asset."""
    with pytest.raises(Exception, match=r".+"):
        dg.AssetSpec("a", deps=[5])


def test_asset_dep_on_multi_asset():
    """A dependency on several assets names them."""

    @dg.multi_asset(specs=[dg.AssetSpec("x"), dg.AssetSpec("y")])
    def several():
        pass

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.AssetDep(several)

    @dg.asset(deps=[several])
    def below():
        return 1

    assert set(below.dependency_keys) == {dg.AssetKey("x"), dg.AssetKey("y")}


def test_graph_asset_attributes():
    """An asset of a graph has a graph as its node."""

    @dg.op
    def one():
        return 1

    @dg.op
    def more(x):
        return x + 1

    @dg.graph_asset(group_name="g", metadata={"k": "v"}, tags={"a": "b"})
    def made():
        return more(one())

    assert made.key == dg.AssetKey("made")
    assert isinstance(made.node_def, dg.GraphDefinition)
    assert made.group_names_by_key == {dg.AssetKey("made"): "g"}
    assert made.metadata_by_key[dg.AssetKey("made")] == {"k": "v"}
    assert made.tags_by_key[dg.AssetKey("made")] == {"a": "b"}
    assert dg.materialize_to_memory([made]).output_for_node("made") == 2
    assert dg.materialize_to_memory([made]).output_for_node("made.more") == 2


def test_from_op_attributes():
    """An op can become an asset."""

    @dg.op(ins={"x": dg.In(int)}, out=dg.Out(int))
    def made(x):
        return x

    one = dg.AssetsDefinition.from_op(made, keys_by_input_name={"x": dg.AssetKey("up")}, key_prefix="p")

    assert one.keys == {dg.AssetKey(["p", "made"])}
    assert one.keys_by_input_name == {"x": dg.AssetKey("up")}


def test_from_graph_group():
    """A graph's assets get groups and metadata by output name."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        return 1, 2

    @dg.graph(out={"a": dg.GraphOut(), "b": dg.GraphOut()})
    def both():
        return two()

    made = dg.AssetsDefinition.from_graph(
        both,
        keys_by_output_name={"a": dg.AssetKey("aa"), "b": dg.AssetKey("b")},
        group_name="g",
        descriptions_by_output_name={"a": "first"},
    )

    assert made.keys == {dg.AssetKey("aa"), dg.AssetKey("b")}
    assert set(made.group_names_by_key.values()) == {"g"}
    assert made.descriptions_by_key[dg.AssetKey("aa")] == "first"


def test_from_graph_bad_names():
    """Keys are given for outputs that are there."""

    @dg.op
    def one():
        return 1

    @dg.graph
    def g():
        return one()

    with pytest.raises(Exception, match=r".+"):
        dg.AssetsDefinition.from_graph(g, keys_by_output_name={"nope": dg.AssetKey("x")})


def test_source_asset_attributes():
    """What an asset that is made elsewhere tells."""
    source = dg.SourceAsset("a", metadata={"k": "v"}, group_name="g", description="d", io_manager_key="io")

    assert source.key == dg.AssetKey("a")
    assert source.group_name == "g"
    assert source.description == "d"
    assert source.io_manager_key == "io"
    assert source.metadata["k"] == dg.MetadataValue.text("v")
    assert not source.is_observable


def test_observable_source_attributes():
    """An observed asset has a function and is observable."""

    @dg.observable_source_asset(name="n", group_name="g")
    def watched():
        return dg.DataVersion("1")

    assert watched.key == dg.AssetKey("n")
    assert watched.is_observable
    assert watched.group_name == "g"


def test_asset_in_metadata():
    """Metadata of an input reaches the IO manager."""
    seen = {}

    class Manager(dg.IOManager):
        def handle_output(self, context, obj):
            seen["out"] = dict(context.definition_metadata)

        def load_input(self, context):
            seen["in"] = dict(context.definition_metadata)
            seen["upstream"] = context.upstream_output.asset_key
            return 1

    @dg.asset(metadata={"o": 1})
    def a():
        return 1

    @dg.asset(ins={"a": dg.AssetIn(metadata={"i": 2})})
    def b(a):
        return a

    dg.materialize([a, b], resources={"io_manager": Manager()}, selection=[a, b])

    assert seen["in"] == {"i": 2}
    assert seen["upstream"] == dg.AssetKey("a")


def test_asset_called_with_wrong_arguments():
    """Calling an asset checks its arguments."""

    @dg.asset
    def b(a):
        return a

    assert b(1) == 1
    assert b(a=1) == 1
    with pytest.raises(dg.DagsterInvalidInvocationError):
        b()
    with pytest.raises(dg.DagsterInvalidInvocationError):
        b(1, 2)
    with pytest.raises(dg.DagsterInvalidInvocationError):
        b(1, c=2)


def test_asset_dagster_type():
    """A given type is checked at run time."""

    @dg.asset(dagster_type=int)
    def a():
        return "x"

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        dg.materialize_to_memory([a])


def test_annotation_is_the_type():
    """The return annotation is checked at run time."""

    @dg.asset
    def a() -> int:
        return "x"

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        dg.materialize_to_memory([a])


def test_asset_with_hooks():
    """An asset's own hooks run."""
    seen = []

    @dg.success_hook
    def told(context):
        seen.append(context.op.name)

    @dg.asset(hooks={told})
    def a():
        return 1

    dg.materialize([a])

    assert seen == ["a"]


def test_asset_job_in_definitions_keeps_hooks():
    """A job over assets runs its hooks."""
    seen = []

    @dg.failure_hook
    def told(context):
        seen.append(str(context.op_exception))

    @dg.asset
    def a():
        raise ValueError("broken")

    job = dg.define_asset_job("j", hooks={told})
    result = dg.Definitions([a], jobs=[job]).resolve_job_def("j").execute_in_process(raise_on_error=False)

    assert not result.success
    assert seen == ["broken"]
