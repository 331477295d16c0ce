"""Scripts: what they are given, what they may print, and that nothing of them outlives the agent."""

from __future__ import annotations

import os
import sys

import anyio
import pytest

from llm_orc.domain.ensemble import Script
from llm_orc.errors import ScriptFailed
from llm_orc.run.script import run_script


def python(code: str, **settings) -> Script:
    return Script(command=(sys.executable, "-c", code), **settings)


async def gone(pid: int) -> bool:
    """True once no process runs under this pid; gives up after ten seconds."""
    status = anyio.Path(f"/proc/{pid}/stat")
    with anyio.move_on_after(10):
        while await status.exists():
            if (await status.read_text()).rpartition(")")[2].split()[0] == "Z":
                break
        return True
    return False


async def test_a_script_reads_input_parameters_and_dependencies():
    echo = python("import sys; print(sys.stdin.read())", parameters={"limit": 3})
    output, log = await run_script(echo, "häuser", {"solver": {"answer": 4}})
    assert output == {
        "input": "häuser",
        "parameters": {"limit": 3},
        "dependencies": {"solver": {"answer": 4}},
    }
    assert log == ""


@pytest.mark.parametrize(
    ("printed", "output"),
    [("[1, 2]", [1, 2]), ("plain", "plain"), ("3.5", 3.5), ("{broken", "{broken"), ("", ""), ("null", None)],
)  # fmt: skip
async def test_json_is_parsed_and_anything_else_is_text(printed, output):
    assert (await run_script(python(f"print({printed!r})"), "", {}))[0] == output


async def test_standard_error_is_kept_as_the_log():
    output, log = await run_script(python("import sys; print('warn', file=sys.stderr); print(1)"), "", {})
    assert (output, log) == (1, "warn")


async def test_a_bad_exit_code_fails_with_the_last_line_of_standard_error():
    with pytest.raises(ScriptFailed, match=r"ended with exit code 3: no such table$"):
        await run_script(
            python("import sys; print('x\\nno such table', file=sys.stderr); sys.exit(3)"), "", {}
        )


async def test_a_script_ended_by_a_signal_says_which():
    with pytest.raises(ScriptFailed, match="was ended by signal SIGKILL"):
        await run_script(python("import os; os.kill(os.getpid(), 9)"), "", {})


async def test_a_program_that_is_not_there_is_named():
    with pytest.raises(ScriptFailed, match="cannot be started: No such file"):
        await run_script(Script(command=("no-such-program-anywhere",)), "", {})


async def test_output_without_end_is_cut_off():
    endless = python("while True: print('y' * 1000)", max_output_bytes=50_000)
    with pytest.raises(ScriptFailed, match="printed more than 50,000 bytes"):
        await run_script(endless, "", {})


async def test_a_script_that_floods_standard_error_still_answers():
    flood = python("import sys; sys.stderr.write('e' * 5_000_000); print('done')")
    output, log = await run_script(flood, "", {})
    assert output == "done"
    assert len(log) == 100_000


async def test_output_that_is_not_text_is_refused():
    with pytest.raises(ScriptFailed, match=r"not UTF-8 text \(byte 1\)"):
        await run_script(python("import sys; sys.stdout.buffer.write(b'a\\xff')"), "", {})


async def test_a_script_that_does_not_read_a_large_input_is_no_problem():
    assert (await run_script(python("print('ok')"), "x" * 5_000_000, {}))[0] == "ok"


async def test_what_a_script_leaves_running_does_not_hold_the_agent(tmp_path):
    """The grandchild holds standard output open for a minute."""
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid)"
    )
    output, _ = await run_script(python(code), "", {})
    assert await gone(int(output))


async def test_cancelling_ends_the_script_and_its_children(tmp_path):
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    code = (
        "import os, subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(60)"
    )
    found = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_script, python(code), "", {})
        found = await anyio.Path(pids).read_text()
        tasks.cancel_scope.cancel()
    for pid in found.split():
        assert await gone(int(pid))
