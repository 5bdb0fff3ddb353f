"""Groups, owners, tags, kinds, versions and specs of assets."""

import pytest

from tests.conformance.api import dg


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


def test_code_version():
    """The code version is an attribute and is recorded."""

    @dg.asset(code_version="3")
    def a():
        return 1

    assert a.code_versions_by_key[a.key] == "3"
    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]
    assert mat.tags["dagster/code_version"] == "3"


def test_map_asset_specs():
    """Attributes can be rewritten in bulk."""

    @dg.asset
    def a():
        return 1

    mapped = dg.map_asset_specs(lambda s: s.replace_attributes(group_name="g2"), [a])

    assert next(iter(mapped)).group_names_by_key[dg.AssetKey("a")] == "g2"


def test_asset_spec_merge_attributes():
    """`merge_attributes` adds to what is there."""
    spec = dg.AssetSpec("a", tags={"x": "1"}).merge_attributes(tags={"y": "2"})

    assert spec.tags == {"x": "1", "y": "2"}
