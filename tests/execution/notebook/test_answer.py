"""Kernels whose words are lost on their way: the run goes on, with what is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cellmill.execution.notebook import answer
from cellmill.execution.notebook.answer import Answer
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step

from .conftest import notebook_of

#: A kernel of which a word gets lost, once, of the cell that says "lose".
_KERNEL = """
import sys
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell

class Forgetful(IPythonKernel):
    def _publish_status(self, status, channel, parent=None):
        code = (parent or self.get_parent(channel) or {}).get("content", {}).get("code", "")
        if LOST == "idle" and status == "idle" and "lose" in code:
            return
        super()._publish_status(status, channel, parent)

    async def do_execute(self, code, *rest, **named):
        if LOST == "reply" and "lose" in code:
            send = self.session.send
            def once(stream, kind, *more, **names):
                if kind == "execute_reply":
                    self.session.send = send
                    return {"content": {"status": "ok"}}
                return send(stream, kind, *more, **names)
            self.session.send = once
        return await super().do_execute(code, *rest, **named)

IPKernelApp.launch_instance(kernel_class=Forgetful)
"""


@pytest.mark.parametrize(
    ("lost", "ends"),
    [("idle", ["succeeded", "succeeded", "succeeded"]), ("reply", ["succeeded", "failed", "not reached"])],
)
def test_a_word_that_is_lost_does_not_hold_the_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, ends: list[str]
) -> None:
    """Without the last word of a cell its end is told by what comes behind it; without its reply it has failed."""
    spec = tmp_path / "kernels" / "forgetful"
    spec.mkdir(parents=True)
    (spec / "program.py").write_text(f"LOST = {lost!r}\n{_KERNEL}")
    argv = [sys.executable, str(spec / "program.py"), "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "forgetful", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setattr(answer, "SILENCE_S", 0.2)
    document = notebook_of("1", "print('lose')", "3")
    document["metadata"]["kernelspec"]["name"] = "forgetful"
    (tmp_path / "book.ipynb").write_text(json.dumps(document))

    outcome = run_notebook_step(NotebookStepRequest(path=tmp_path / "book.ipynb", artifacts=tmp_path / "artifacts"))

    assert [outcome.result.cells[index].end for index in range(3)] == ends
    assert outcome.result.notebook["cells"][1]["outputs"][0]["text"] == "lose\n"


def _message(kind: str, parent: str, **content: str) -> dict[str, object]:
    return {"msg_type": kind, "parent_header": {"msg_id": parent}, "content": content}


def test_a_running_cell_is_not_asked_anything() -> None:
    """A second request is sent only when one half of the end has come, and once."""
    asked: list[str] = []
    one = Answer("request", lambda: asked.append("again") or "second")
    one.look()
    assert one.patience_s() is None and not asked

    one.take("shell", _message("execute_reply", "request", status="ok"))
    patience = one.patience_s()
    assert patience is not None and 0 < patience <= answer.SILENCE_S and not one.is_whole
    one.look()
    assert not asked

    one.take("iopub", _message("status", "request", execution_state="idle"))
    assert one.is_whole and not one.is_lost
