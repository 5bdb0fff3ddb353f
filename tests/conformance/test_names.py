"""Smaller public names: paths, files, warnings, code references, ready-made checks, selectors, loading."""

import sys
import types
import warnings
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conformance.api import dg


def module_with(name, **members):
    """A module that holds `members`."""
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


@pytest.mark.parametrize(
    "name",
    "EventLogEntry EventLogRecord EventRecordsResult DataProvenance Injected JsonLogFormatter MetadataEntry "
    "RepositoryData "
    "AutomationResult AutoMaterializeRule TypeCheckContext DagsterTypeLoaderContext StepExecutionContext "
    "PendingNodeInvocation AssetPartitionStatus BetaWarning PreviewWarning SupersessionWarning ConfigArgumentWarning "
    "Any Callable Mapping Sequence Final".split(),
)
def test_name_is_there(name):
    """The name can be imported."""
    assert getattr(dg, name) is not None


def test_file_relative_path():
    """A path beside the file that names it."""
    assert dg.file_relative_path("/a/b/c.py", "../d.txt") == "/a/d.txt"


def test_max_runtime_tag():
    """The tag that bounds the time of a run."""
    assert dg.MAX_RUNTIME_SECONDS_TAG == "dagster/max_runtime"


def test_deprecation_warning():
    """A warning of the usual category with the subject and the version."""
    with pytest.warns(DeprecationWarning, match="thing is deprecated and will be removed in 9.0. Use other."):
        dg.deprecation_warning("thing", "9.0", "Use other.")


@pytest.mark.parametrize(
    ("name", "base"),
    [("SupersessionWarning", FutureWarning), ("ConfigArgumentWarning", SyntaxWarning), ("BetaWarning", Warning)],
)
def test_warning_bases(name, base):
    """Warnings can be filtered by their standard bases."""
    assert issubclass(getattr(dg, name), base)


def test_metadata_entry():
    """A label with a typed value."""
    assert dg.MetadataEntry("rows", value=5).value == dg.MetadataValue.int(5)


def test_local_file_handle():
    """A handle knows its path."""
    assert dg.LocalFileHandle("/x/y").path == "/x/y"
    assert dg.LocalFileHandle("/x/y").path_desc == "/x/y"


def test_local_file_manager(tmp_path):
    """Files are written and read by handle."""

    @dg.op(required_resource_keys={"file_manager"})
    def write(context):
        handle = context.resources.file_manager.write_data(b"hello")
        return context.resources.file_manager.read_data(handle)

    @dg.job(resource_defs={"file_manager": dg.local_file_manager})
    def j():
        write()

    result = j.execute_in_process(run_config={"resources": {"file_manager": {"config": {"base_dir": str(tmp_path)}}}})

    assert result.output_for_node("write") == b"hello"
    assert len(list(tmp_path.iterdir())) == 1


def test_local_file_manager_extension(tmp_path):
    """An extension becomes part of the name."""
    with dg.build_resources(
        {"files": dg.local_file_manager}, resource_config={"files": {"config": {"base_dir": str(tmp_path)}}}
    ) as resources:
        handle = resources.files.write_data(b"1", ext="csv")

    assert Path(handle.path).suffix == ".csv"
    assert Path(handle.path).read_bytes() == b"1"


def test_custom_path_io_manager(tmp_path):
    """An output's metadata says where its value is stored."""

    @dg.op(out=dg.Out(metadata={"path": "deep/one"}, io_manager_key="store"))
    def one():
        return [1]

    @dg.op
    def two(x):
        return [*x, 2]

    @dg.job(resource_defs={"store": dg.custom_path_fs_io_manager.configured({"base_dir": str(tmp_path)})})
    def j():
        two(one())

    assert j.execute_in_process().output_for_node("two") == [1, 2]
    assert (tmp_path / "deep" / "one").exists()


def test_repository_selector():
    """A selector knows location and repository, and its GraphQL form."""
    selector = dg.RepositorySelector(location_name="here", repository_name="mine")

    assert selector.to_graphql_input() == {"repositoryLocationName": "here", "repositoryName": "mine"}
    assert dg.RepositorySelector.from_graphql_input(selector.to_graphql_input()) == selector


def test_code_location_selector():
    """A location's selector leads to that of its only repository."""
    assert dg.CodeLocationSelector(location_name="here").to_repository_selector().location_name == "here"


def test_apply_freshness_policy():
    """A spec gets a policy; one that is there stays when asked."""
    first = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2))
    second = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3))
    spec = dg.apply_freshness_policy(dg.AssetSpec("a"), first)

    assert spec.freshness_policy == first
    assert dg.apply_freshness_policy(spec, second).freshness_policy == second
    assert dg.apply_freshness_policy(spec, second, overwrite_existing=False).freshness_policy == first


def test_source_code_references():
    """The function's file and line become metadata."""

    @dg.asset
    def here():
        return 1

    (made,) = dg.with_source_code_references([here])
    found = made.metadata_by_key[dg.AssetKey("here")]["dagster/code_references"].code_references

    assert [Path(each.file_path).name for each in found] == [Path(__file__).name]
    assert isinstance(found[0], dg.LocalFileCodeReference)
    assert found[0].line_number > 0


def test_link_code_references_to_git():
    """References to files become links to the repository."""

    @dg.asset
    def here():
        return 1

    (made,) = dg.link_code_references_to_git(
        dg.with_source_code_references([here]),
        git_url="https://github.com/some/where",
        git_branch="main",
        file_path_mapping=dg.AnchorBasedFilePathMapping(
            local_file_anchor=Path(__file__), file_anchor_path_in_repository="tests/this.py"
        ),
    )
    (found,) = made.metadata_by_key[dg.AssetKey("here")]["dagster/code_references"].code_references

    assert found.url.startswith("https://github.com/some/where/")
    assert "/main/tests/this.py#L" in found.url


def test_link_code_references_unknown_platform():
    """The platform of an unknown address must be given."""
    with pytest.raises(ValueError):
        dg.link_code_references_to_git(
            [],
            git_url="https://example.com/x",
            git_branch="main",
            file_path_mapping=dg.AnchorBasedFilePathMapping(
                local_file_anchor=Path(__file__), file_anchor_path_in_repository="x.py"
            ),
        )


def test_column_schema_checks():
    """The check fails once the columns change."""
    instance = dg.DagsterInstance.ephemeral()
    checks = dg.build_column_schema_change_checks(assets=["table"])

    def report(columns):
        schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns.items()])
        instance.report_runless_asset_event(
            dg.AssetMaterialization("table", metadata={"dagster/column_schema": schema})
        )

    def passed():
        result = dg.materialize(
            [dg.AssetSpec("table"), *checks], selection=dg.AssetSelection.all_asset_checks(), instance=instance
        )
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation.passed

    report({"a": "int"})
    first = passed()
    report({"a": "int"})
    same = passed()
    report({"a": "int", "b": "str"})

    assert (first, same, passed()) == (True, True, False)


def test_metadata_bounds_checks():
    """The check looks at a number of the last materialization."""
    instance = dg.DagsterInstance.ephemeral()
    checks = dg.build_metadata_bounds_checks(assets=["table"], metadata_key="rows", min_value=2, max_value=10)
    seen = []
    for rows in (1, 2, 10, 11):
        instance.report_runless_asset_event(dg.AssetMaterialization("table", metadata={"rows": rows}))
        result = dg.materialize(
            [dg.AssetSpec("table"), *checks], selection=dg.AssetSelection.all_asset_checks(), instance=instance
        )
        seen.append(result.get_asset_check_evaluations()[0].passed)

    assert seen == [False, True, True, False]


def test_metadata_bounds_exclusive():
    """Bounds may be exclusive."""
    instance = dg.DagsterInstance.ephemeral()
    checks = dg.build_metadata_bounds_checks(assets=["t"], metadata_key="rows", min_value=2, exclusive_min=True)
    instance.report_runless_asset_event(dg.AssetMaterialization("t", metadata={"rows": 2}))
    result = dg.materialize(
        [dg.AssetSpec("t"), *checks], selection=dg.AssetSelection.all_asset_checks(), instance=instance
    )

    assert not result.get_asset_check_evaluations()[0].passed


def test_load_definitions_from_modules():
    """What several modules define is put together."""

    @dg.asset
    def first():
        return 1

    @dg.asset
    def second(first):
        return first + 1

    @dg.job
    def some_job():
        pass

    defs = dg.load_definitions_from_modules(
        [module_with("conf_one", first=first), module_with("conf_two", second=second, j=some_job)]
    )

    assert {key.to_user_string() for key in defs.resolve_all_asset_keys()} == {"first", "second"}
    assert defs.resolve_job_def("some_job").name == "some_job"


def test_automation_condition_sensor():
    """A sensor over assets that have conditions."""
    sensor = dg.AutomationConditionSensorDefinition(
        "often", target="*", minimum_interval_seconds=60, run_tags={"a": "b"}
    )

    assert sensor.name == "often"
    assert sensor.minimum_interval_seconds == 60
    assert sensor.run_tags == {"a": "b"}
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert sensor.asset_selection is not None


def test_automation_condition_sensor_in_definitions():
    """The sensor is found by its name."""

    @dg.asset(automation_condition=dg.AutomationCondition.eager())
    def a():
        return 1

    defs = dg.Definitions(assets=[a], sensors=[dg.AutomationConditionSensorDefinition("mine", target=[a])])

    assert defs.get_repository_def().get_sensor_def("mine").name == "mine"


@pytest.mark.parametrize(
    "name",
    ["materialize_on_missing", "materialize_on_parent_updated", "skip_on_parent_missing", "skip_on_parent_outdated"],
)
def test_auto_materialize_rules(name):
    """Rules have descriptions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rule = getattr(dg.AutoMaterializeRule, name)()

    assert isinstance(rule, dg.AutoMaterializeRule)
    assert rule.description


def test_serialized_event_data():
    """What is stored comes back the same."""
    key = dg.AssetKey(["a", "b"])

    assert dg.deserialize_value(dg.serialize_value(key), dg.AssetKey) == key


def test_data_provenance_from_tags():
    """The tags of a materialization tell what it was made from."""
    provenance = dg.DataProvenance.from_tags(
        {
            "dagster/code_version": "1",
            "dagster/input_data_version/up": "x",
            "dagster/input_event_pointer/up": "4",
        }
    )

    assert provenance.code_version == "1"
    assert provenance.has_input_asset(dg.AssetKey("up"))
    assert provenance.input_data_versions == {dg.AssetKey("up"): dg.DataVersion("x")}
    assert provenance.input_storage_ids == {dg.AssetKey("up"): 4}


def test_data_provenance_without_tags():
    """Tags that say nothing give nothing."""
    assert dg.DataProvenance.from_tags({}) is None


def test_pending_invocation():
    """An op with an alias is a node to be."""

    @dg.op
    def one():
        return 1

    assert isinstance(one.alias("other"), dg.PendingNodeInvocation)
    assert isinstance(one.tag({"a": "b"}), dg.PendingNodeInvocation)


def test_event_log_records():
    """Records have storage ids and entries."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    dg.materialize([a], instance=instance)
    page = instance.fetch_materializations(dg.AssetKey("a"), limit=5)

    assert isinstance(page, dg.EventRecordsResult)
    assert isinstance(page.records[0], dg.EventLogRecord)
    assert isinstance(page.records[0].event_log_entry, dg.EventLogEntry)
    assert page.records[0].asset_key == dg.AssetKey("a")
    assert not page.has_more


def test_asset_partition_status():
    """The states of a partition."""
    assert {one.name for one in dg.AssetPartitionStatus} == {"MATERIALIZED", "IN_PROGRESS", "FAILED"}


def test_raise_execution_interrupts():
    """Within, an interrupt is an error of its own, not of `Exception`."""
    import os
    import signal

    with pytest.raises(dg.DagsterExecutionInterruptedError), dg.raise_execution_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            os.getpid()

    assert not issubclass(dg.DagsterExecutionInterruptedError, Exception)
