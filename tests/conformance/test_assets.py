"""Software-defined assets."""

import pytest

from tests.conformance.api import dg


def test_function_name_is_the_key():
    """The decorated function's name becomes the asset key."""

    @dg.asset
    def apples():
        return 1

    assert apples.key == dg.AssetKey("apples")
    assert apples.op.name == "apples"


def test_parameters_are_upstreams():
    """A parameter names the upstream asset whose value it receives."""

    @dg.asset
    def a():
        return 2

    @dg.asset
    def b(a):
        return a * 10

    result = dg.materialize([a, b])

    assert result.success
    assert result.output_for_node("b") == 20
    assert result.asset_value("b") == 20


def test_key_prefix():
    """A prefix comes before the name in the key; the op's name joins both by two underscores."""

    @dg.asset(key_prefix=["x", "y"])
    def z():
        return 1

    assert z.key == dg.AssetKey(["x", "y", "z"])
    assert z.op.name == "x__y__z"
    assert z.key.to_user_string() == "x/y/z"


def test_key_argument():
    """`key=` gives the whole key at once."""

    @dg.asset(key=["p", "q"])
    def whatever():
        return 1

    assert whatever.key == dg.AssetKey(["p", "q"])


def test_key_and_name_exclude_each_other():
    """`key=` together with `name=` or `key_prefix=` is an invalid definition."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset(key="a", name="b")
        def c():
            return 1


def test_name_argument():
    """`name=` overrules the function's name."""

    @dg.asset(name="other")
    def fn():
        return 1

    assert fn.key == dg.AssetKey("other")


def test_asset_in_renames():
    """`AssetIn(key=...)` binds a parameter to an asset of another name."""

    @dg.asset
    def upstream():
        return 7

    @dg.asset(ins={"x": dg.AssetIn(key="upstream")})
    def down(x):
        return x + 1

    assert dg.materialize([upstream, down]).output_for_node("down") == 8


def test_asset_in_key_prefix():
    """`AssetIn(key_prefix=...)` prefixes the parameter's own name."""

    @dg.asset(key_prefix="pre")
    def up():
        return 3

    @dg.asset(ins={"up": dg.AssetIn(key_prefix="pre")})
    def down(up):
        return up + 1

    result = dg.materialize([up, down])

    assert result.output_for_node("down") == 4
    assert down.asset_deps[down.key] == {dg.AssetKey(["pre", "up"])}


@pytest.mark.parametrize("form", ["asset", "key", "string", "dep", "spec"])
def test_deps_take_every_form(form):
    """`deps` takes assets, keys, strings, AssetDep and AssetSpec, and orders without loading."""
    seen = []

    @dg.asset
    def first():
        seen.append("first")

    given = {
        "asset": first,
        "key": dg.AssetKey("first"),
        "string": "first",
        "dep": dg.AssetDep("first"),
        "spec": dg.AssetSpec("first"),
    }[form]

    @dg.asset(deps=[given])
    def second():
        seen.append("second")

    assert dg.materialize([second, first]).success
    assert seen == ["first", "second"]


def test_a_dep_that_is_also_an_argument_is_loaded():
    """One upstream both as parameter and in `deps` is one dependency, and is loaded."""

    @dg.asset
    def a():
        return 4

    @dg.asset(deps=["a"])
    def b(a):
        return a

    assert b.asset_deps[b.key] == {dg.AssetKey("a")}
    assert dg.materialize([a, b]).output_for_node("b") == 4


def test_group_name():
    """The group defaults to `default`."""

    @dg.asset(group_name="fruit")
    def a():
        return 1

    @dg.asset
    def b():
        return 1

    assert a.group_names_by_key[a.key] == "fruit"
    assert b.group_names_by_key[b.key] == "default"


def test_invalid_group_name():
    """A group name has only letters, digits and underscores."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset(group_name="not valid!")
        def a():
            return 1


def test_docstring_is_the_description():
    """The docstring describes the asset; `description=` overrules it."""

    @dg.asset
    def a():
        """From the docstring."""

    @dg.asset(description="given")
    def b():
        """Not this."""

    assert a.descriptions_by_key[a.key] == "From the docstring."
    assert b.descriptions_by_key[b.key] == "given"


def test_definition_metadata_tags_owners_kinds():
    """Metadata, tags, owners and kinds are attributes of the spec."""

    @dg.asset(metadata={"k": "v"}, tags={"team": "x"}, owners=["team:data", "me@example.com"], kinds={"python"})
    def a():
        return 1

    spec = a.get_asset_spec(a.key)

    assert spec.metadata["k"] == "v"
    assert spec.tags["team"] == "x"
    assert list(spec.owners) == ["team:data", "me@example.com"]
    assert spec.kinds == {"python"}


def test_invalid_owner():
    """An owner is an e-mail address or `team:NAME`."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset(owners=["nobody"])
        def a():
            return 1


def test_output_with_metadata():
    """`Output` carries a value and run-time metadata."""

    @dg.asset
    def a():
        return dg.Output(5, metadata={"rows": 3})

    result = dg.materialize([a])
    mat = result.asset_materializations_for_node("a")[0]

    assert result.output_for_node("a") == 5
    assert mat.metadata["rows"].value == 3


def test_add_output_metadata():
    """`context.add_output_metadata` reaches the materialization."""

    @dg.asset
    def a(context):
        context.add_output_metadata({"n": 4})
        return 1

    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]

    assert mat.metadata["n"] == dg.MetadataValue.int(4)


def test_materialize_result():
    """`MaterializeResult` records metadata and stores no value."""

    @dg.asset
    def a():
        return dg.MaterializeResult(metadata={"m": 1.5})

    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]

    assert mat.metadata["m"].value == 1.5


def test_data_version_is_recorded_as_a_tag():
    """A user's data version arrives in the materialization's tags."""

    @dg.asset
    def a():
        return dg.Output(1, data_version=dg.DataVersion("v7"))

    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]

    assert mat.tags["dagster/data_version"] == "v7"


def test_output_required_false_skips():
    """An asset that yields nothing is not materialized and its downstream is skipped."""

    @dg.asset(output_required=False)
    def maybe():
        if False:
            yield dg.Output(1)

    @dg.asset
    def after(maybe):
        return maybe

    result = dg.materialize([maybe, after])

    assert result.success
    assert result.asset_materializations_for_node("maybe") == []
    assert result.asset_materializations_for_node("after") == []


def test_failure_skips_downstream():
    """A failed asset's downstream is not run, and the run fails."""

    @dg.asset
    def bad():
        raise ValueError("no")

    @dg.asset
    def after(bad):
        return bad

    result = dg.materialize([bad, after], raise_on_error=False)

    assert not result.success
    assert result.failure_data_for_node("bad").error.cls_name in ("DagsterExecutionStepExecutionError", "ValueError")
    assert result.asset_materializations_for_node("after") == []


def test_failure_raises_by_default():
    """`materialize` lets the user's exception out."""

    @dg.asset
    def bad():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        dg.materialize([bad])


def test_materialize_selection():
    """`selection=` limits what is run; the rest is loaded."""
    instance = dg.DagsterInstance.ephemeral()
    runs = []

    @dg.asset
    def a():
        runs.append("a")
        return 1

    @dg.asset
    def b(a):
        runs.append("b")
        return a + 1

    class Memory(dg.IOManager):
        def __init__(self):
            self.values = {}

        def handle_output(self, context, obj):
            self.values[context.asset_key] = obj

        def load_input(self, context):
            return self.values[context.asset_key]

    resources = {"io_manager": Memory()}
    assert dg.materialize([a, b], instance=instance, resources=resources).success
    result = dg.materialize([a, b], selection=[b], instance=instance, resources=resources)

    assert result.output_for_node("b") == 2
    assert runs == ["a", "b", "b"]


def test_materialize_selection_string():
    """`selection=` takes the selection syntax."""

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a

    @dg.asset
    def c():
        return 1

    result = dg.materialize([a, b, c], selection="+b")

    assert {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()} == {"a", "b"}


def test_materialize_to_memory():
    """`materialize_to_memory` runs without touching the disk."""

    @dg.asset
    def a():
        return 3

    @dg.asset
    def b(a):
        return a + 1

    assert dg.materialize_to_memory([a, b]).output_for_node("b") == 4


def test_duplicate_keys_are_refused():
    """Two assets with one key cannot be in one set."""

    @dg.asset(name="same")
    def one():
        return 1

    @dg.asset(name="same")
    def two():
        return 2

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.materialize([one, two])


def test_cycle_is_refused():
    """Assets that need each other are a definition error."""

    @dg.asset
    def a(b):
        return b

    @dg.asset
    def b(a):
        return a

    with pytest.raises(Exception, match="(?i)circular|cycle"):
        dg.Definitions.validate_loadable(dg.Definitions(assets=[a, b]))


def test_multi_asset_with_outs():
    """One function makes several assets, one a named out."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def both():
        return 1, 2

    result = dg.materialize([both])

    assert result.output_for_node("both", "x") == 1
    assert result.output_for_node("both", "y") == 2
    assert both.keys == {dg.AssetKey("x"), dg.AssetKey("y")}


def test_multi_asset_yields():
    """A multi-asset may yield its outputs one by one."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def both():
        yield dg.Output(1, "x")
        yield dg.Output(2, "y")

    assert dg.materialize([both]).asset_value("y") == 2


def test_multi_asset_specs():
    """With specs the results carry their keys."""

    @dg.multi_asset(specs=[dg.AssetSpec("x"), dg.AssetSpec("y", deps=["x"])])
    def both():
        yield dg.MaterializeResult(asset_key="x", metadata={"i": 1})
        yield dg.MaterializeResult(asset_key="y")

    result = dg.materialize([both])

    assert [m.asset_key.to_user_string() for m in result.asset_materializations_for_node("both")] == ["x", "y"]


def test_multi_asset_subset():
    """With `can_subset` only what was selected is asked for."""

    @dg.multi_asset(
        outs={"x": dg.AssetOut(is_required=False), "y": dg.AssetOut(is_required=False)},
        can_subset=True,
    )
    def both(context):
        for name in sorted(context.op_execution_context.selected_output_names):
            yield dg.Output(1, name)

    result = dg.materialize([both], selection=["y"])

    assert [m.asset_key.to_user_string() for m in result.asset_materializations_for_node("both")] == ["y"]


def test_multi_asset_without_subset_is_refused():
    """Selecting part of a multi-asset that cannot be subset is an error."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def both():
        return 1, 2

    with pytest.raises(dg.DagsterInvalidDefinitionError) as raised:
        dg.materialize([both], selection=["y"])

    assert isinstance(raised.value.__cause__, dg.DagsterInvalidSubsetError)


def test_multi_asset_internal_deps():
    """`internal_asset_deps` says how the outs depend on each other."""

    @dg.multi_asset(
        outs={"x": dg.AssetOut(), "y": dg.AssetOut()},
        internal_asset_deps={"x": set(), "y": {dg.AssetKey("x")}},
    )
    def both():
        return 1, 2

    assert both.asset_deps[dg.AssetKey("y")] == {dg.AssetKey("x")}


def test_graph_asset():
    """A graph of ops stands behind one asset."""

    @dg.op
    def one():
        return 1

    @dg.op
    def plus(x):
        return x + 1

    @dg.graph_asset
    def total():
        return plus(one())

    result = dg.materialize([total])

    assert result.asset_value("total") == 2
    assert total.key == dg.AssetKey("total")


def test_graph_asset_with_upstream():
    """A graph asset's parameter is an upstream asset."""

    @dg.asset
    def base():
        return 10

    @dg.op
    def double(x):
        return x * 2

    @dg.graph_asset
    def doubled(base):
        return double(base)

    assert dg.materialize([base, doubled]).asset_value("doubled") == 20


def test_graph_multi_asset():
    """A graph with several outs makes several assets."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def split():
        return 1, 2

    @dg.graph_multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
    def halves():
        a, b = split()
        return {"left": a, "right": b}

    result = dg.materialize([halves])

    assert result.asset_value("left") == 1
    assert result.asset_value("right") == 2


def test_assets_definition_from_graph():
    """`AssetsDefinition.from_graph` turns a graph into an asset."""

    @dg.op
    def one():
        return 1

    @dg.graph
    def g():
        return one()

    assets = dg.AssetsDefinition.from_graph(g)

    assert assets.key == dg.AssetKey("g")
    assert dg.materialize([assets]).asset_value("g") == 1


def test_external_asset_is_not_executable():
    """A bare AssetSpec is an external asset: known, never made by us."""
    defs = dg.Definitions(assets=[dg.AssetSpec("ext")])

    assert not defs.resolve_asset_graph().get(dg.AssetKey("ext")).is_executable


def test_source_asset_is_loaded():
    """A SourceAsset's value comes from its IO manager."""

    class Const(dg.IOManager):
        def load_input(self, context):
            return 42

        def handle_output(self, context, obj):
            raise AssertionError("never")

    source = dg.SourceAsset("src", io_manager_key="const")

    @dg.asset(io_manager_key="io_manager")
    def down(src):
        return src + 1

    result = dg.materialize([down, source], resources={"const": Const(), "io_manager": dg.InMemoryIOManager()})

    assert result.output_for_node("down") == 43


def test_observable_source_asset():
    """Observing records the data version that the function returns."""

    @dg.observable_source_asset
    def src():
        return dg.DataVersion("abc")

    defs = dg.Definitions(assets=[src], jobs=[dg.define_asset_job("watch", selection=[src])])
    result = defs.get_job_def("watch").execute_in_process()

    assert result.success
    observations = result.asset_observations_for_node("src")
    assert observations[0].tags["dagster/data_version"] == "abc"


def test_define_asset_job():
    """An asset job selects assets; it is resolved inside Definitions."""

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a + 1

    defs = dg.Definitions(assets=[a, b], jobs=[dg.define_asset_job("only_a", selection="a")])
    result = defs.get_job_def("only_a").execute_in_process()

    assert result.success
    assert [e.asset_key.to_user_string() for e in result.get_asset_materialization_events()] == ["a"]


def test_implicit_global_asset_job():
    """All assets together form a job of their own."""

    @dg.asset
    def a():
        return 1

    defs = dg.Definitions(assets=[a])

    assert defs.get_implicit_global_asset_job_def().execute_in_process().success


def test_asset_config_schema():
    """An asset takes config under its op's name."""

    @dg.asset(config_schema={"n": int})
    def a(context):
        return context.op_execution_context.op_config["n"]

    result = dg.materialize([a], run_config={"ops": {"a": {"config": {"n": 9}}}})

    assert result.output_for_node("a") == 9


def test_asset_pydantic_config():
    """A `config` parameter annotated with a Config class is not an upstream."""

    class MyConfig(dg.Config):
        n: int = 2

    @dg.asset
    def a(config: MyConfig):
        return config.n

    assert dg.materialize([a]).output_for_node("a") == 2
    assert dg.materialize([a], run_config=dg.RunConfig(ops={"a": MyConfig(n=5)})).output_for_node("a") == 5


def test_code_version():
    """The code version is an attribute and is recorded."""

    @dg.asset(code_version="3")
    def a():
        return 1

    assert a.code_versions_by_key[a.key] == "3"
    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]
    assert mat.tags["dagster/code_version"] == "3"


def test_direct_invocation():
    """An asset can be called like the function it is."""

    @dg.asset
    def a(b, c):
        return b + c

    assert a(1, 2) == 3
    assert a(b=1, c=3) == 4


def test_direct_invocation_with_context():
    """A context for a direct call comes from `build_asset_context`."""

    @dg.asset
    def a(context: dg.AssetExecutionContext, b):
        context.log.info("hi")
        return b

    assert a(dg.build_asset_context(), 1) == 1


def test_none_output_with_none_annotation_stores_nothing():
    """An asset annotated `-> None` does not call its IO manager."""

    class Refuses(dg.IOManager):
        def handle_output(self, context, obj):
            raise AssertionError("must not be called")

        def load_input(self, context):
            raise AssertionError("must not be called")

    @dg.asset
    def a() -> None:
        return None

    assert dg.materialize([a], resources={"io_manager": Refuses()}).success


def test_asset_key_forms():
    """Keys compare by their parts, and print with slashes."""
    key = dg.AssetKey(["a", "b"])

    assert key == dg.AssetKey(["a", "b"])
    assert key.path == ["a", "b"]
    assert dg.AssetKey.from_user_string("a/b") == key
    assert hash(key) == hash(dg.AssetKey(["a", "b"]))
    assert key.has_prefix(["a"])
    assert dg.AssetKey("b").with_prefix("a") == key


def test_required_resource_keys():
    """A classic resource is reached by key through the context."""

    @dg.asset(required_resource_keys={"db"})
    def a(context):
        return context.resources.db

    assert dg.materialize([a], resources={"db": "sqlite"}).output_for_node("a") == "sqlite"


def test_resource_parameter():
    """A parameter annotated with a resource class is the resource."""

    class Db(dg.ConfigurableResource):
        url: str

    @dg.asset
    def a(db: Db):
        return db.url

    assert dg.materialize([a], resources={"db": Db(url="x")}).output_for_node("a") == "x"


def test_missing_resource_is_named():
    """An unfulfilled resource requirement is an invalid definition."""

    @dg.asset(required_resource_keys={"db"})
    def a(context):
        return 1

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="db"):
        dg.materialize([a])


def test_map_asset_specs():
    """Attributes can be rewritten in bulk."""

    @dg.asset
    def a():
        return 1

    mapped = dg.map_asset_specs(lambda s: s.replace_attributes(group_name="g2"), [a])

    assert next(iter(mapped)).group_names_by_key[dg.AssetKey("a")] == "g2"


def test_load_assets_from_current_module():
    """Every asset of the module is collected."""
    import types

    module = types.ModuleType("m")

    @dg.asset
    def a():
        return 1

    module.a = a

    assert [x.key for x in dg.load_assets_from_modules([module], group_name="gg")] == [dg.AssetKey("a")]


def test_asset_spec_merge_attributes():
    """`merge_attributes` adds to what is there."""
    spec = dg.AssetSpec("a", tags={"x": "1"}).merge_attributes(tags={"y": "2"})

    assert spec.tags == {"x": "1", "y": "2"}


def test_partitioned_materialize():
    """A partitioned asset sees its partition key."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def p(context: dg.AssetExecutionContext):
        return context.partition_key

    result = dg.materialize([p], partition_key="b")

    assert result.output_for_node("p") == "b"
    assert result.asset_materializations_for_node("p")[0].partition == "b"


def test_partitioned_materialize_needs_a_key():
    """Without a partition key a context has none to give."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def p(context: dg.AssetExecutionContext):
        return context.partition_key

    assert not dg.materialize([p], raise_on_error=False).success
