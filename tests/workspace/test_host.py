"""A host runs user code in its own kernel and answers with plain data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cellmill.workspace.host import Host, HostConfig, HostDiedError, HostStartError, HostTimeoutError, UserCodeError


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "mod.py").write_text(
        "import os, time\n"
        "def double(x):\n    print('noise')\n    return x * 2\n"
        "def fail(x):\n    raise ValueError('no good')\n"
        "def hang(x):\n    time.sleep(60)\n"
        "def die(x):\n    os._exit(3)\n"
        "def one_of(name):\n    return globals()[name](name)\n"
        "def env(x):\n    return [os.getcwd(), os.environ['COLOUR']]\n"
    )
    config = HostConfig(location="here", working_directory=folder, env={"COLOUR": "blue"})
    with Host(config) as host:
        yield host


def test_answers(host: Host) -> None:
    """A function of the location's code is called with plain data, in its folder and environment."""
    assert not host.running
    assert host.call("mod:double", [1]) == [1, 1]
    assert host.call("mod:env") == [str(host.config.working_directory), "blue"]
    assert host.running


def test_user_error(host: Host) -> None:
    """What user code raises arrives with its file, line and traceback, and the host goes on."""
    with pytest.raises(UserCodeError, match=r"ValueError: no good \(.*mod.py, line 6\)") as caught:
        host.call("mod:fail")

    assert "host_side" not in caught.value.traceback
    assert host.call("mod:double", 2) == 4


def test_time_limit_and_death(host: Host) -> None:
    """User code that hangs or ends the process fails its call alone; the next call has a new kernel."""
    with pytest.raises(HostTimeoutError, match="hang did not end within 0.5 s"):
        host.call("mod:hang", timeout_s=0.5)
    assert not host.running
    with pytest.raises(HostDiedError, match="ended while it worked"):
        host.call("mod:die")
    assert host.call("mod:double", 3) == 6


def test_many_questions_are_answered_one_by_one(host: Host) -> None:
    """Answers come in order; one that raises, hangs or kills the kernel is answered so, and the rest is asked."""
    assert list(host.call_many("mod:double", [])) == []
    names = ["double", "fail", "double", "hang", "double", "double", "die", "double"]
    found = list(host.call_many("mod:one_of", names, timeout_s=1.0))

    assert [found[n] for n in (0, 2, 4, 5, 7)] == ["doubledouble"] * 5
    assert [type(found[n]) for n in (1, 3, 6)] == [UserCodeError, HostTimeoutError, HostDiedError]


def test_missing_kernelspec(tmp_path: Path) -> None:
    """A kernelspec that is not installed is named, with the remedy."""
    host = Host(HostConfig(location="x", working_directory=tmp_path, kernel="no-such-kernel"))
    with pytest.raises(HostStartError, match="no-such-kernel.*kernelspec list"):
        host.call("json:loads", "1")
