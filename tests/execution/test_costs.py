"""What a step costs, counted: statements, transactions and files do not depend on how busy the machine is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import cellmill as c
import pytest

#: Statements of one step: BEGIN, the run's count, the events, the id of the last, the catalog, COMMIT.
FIXED_STATEMENTS = 5
#: Transactions of a run beside those of its steps: its start, with its record and what it plans; its end goes with the
#: last step.
RUN_TRANSACTIONS = 1


def chain(count: int) -> list[Any]:
    """Return assets of which each needs the one before."""
    made = []
    for index in range(count):
        ins = {"x": c.AssetIn(key=f"n{index - 1}")} if index else {}

        def body(x: int = 0) -> int:
            return x + 1

        def first() -> int:
            return 1

        made.append(c.asset(name=f"n{index}", ins=ins)(body if index else first))
    return made


def statements(instance: Any, run: Any) -> Counter[str]:
    """Return how often `run()` performed each kind of statement, by its first word."""
    seen: Counter[str] = Counter()
    connection = instance.db.connection()
    connection.set_trace_callback(lambda text: seen.update([text.split(None, 1)[0].upper()]))
    try:
        run()
    finally:
        connection.set_trace_callback(None)
    return seen


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    """Give an instance on disk."""
    with c.Instance.local_temp(str(tmp_path)) as made:
        yield made


def test_a_step_is_one_transaction(instance: Any) -> None:
    """Ten more steps are ten more transactions, whatever the number of their events."""
    small = statements(instance, lambda: c.materialize(chain(5), instance=instance))
    large = statements(instance, lambda: c.materialize(chain(15), instance=instance))
    assert large["BEGIN"] - small["BEGIN"] == 10
    assert large["COMMIT"] - small["COMMIT"] == 10
    assert small["BEGIN"] - 5 <= RUN_TRANSACTIONS


def test_a_step_takes_few_statements(instance: Any) -> None:
    """A step inserts its events and its asset's row, and reads nothing but the id of its last event."""
    small = statements(instance, lambda: c.materialize(chain(5), instance=instance))
    large = statements(instance, lambda: c.materialize(chain(15), instance=instance))
    more = {kind: (large[kind] - small[kind]) / 10 for kind in large}
    assert more["SELECT"] <= 1
    assert more["UPDATE"] <= 1
    # Seven events of the step, the one that planned it, the asset's row for each of the two.
    assert more["INSERT"] <= 11
    assert sum(more.values()) <= FIXED_STATEMENTS + 11


def test_a_run_of_one_asset_takes_few_transactions(instance: Any) -> None:
    """A whole run of one partition is its start, which records it, and its step with its end."""
    asset = chain(1)
    c.materialize(asset, instance=instance)
    seen = statements(instance, lambda: c.materialize(asset, instance=instance))
    assert seen["BEGIN"] <= RUN_TRANSACTIONS + 1


def test_a_value_is_one_file(instance: Any) -> None:
    """A materialization writes its value's file and nothing beside it, no folder of its own either."""

    def below() -> list[Path]:
        return list(Path(instance.storage_directory()).rglob("*"))

    c.materialize(chain(5), instance=instance)
    before = len(below())
    c.materialize(chain(5), instance=instance)
    assert len(below()) - before == 5
    assert all(path.is_file() for path in below() if path.name.startswith("n"))


def test_cost_does_not_grow_with_history(instance: Any) -> None:
    """A run after thirty others performs the statements of the second one."""
    asset = chain(2)
    c.materialize(asset, instance=instance)
    second = statements(instance, lambda: c.materialize(asset, instance=instance))
    for _ in range(30):
        c.materialize(asset, instance=instance)
    later = statements(instance, lambda: c.materialize(asset, instance=instance))
    assert later == second
