"""Python, its packages, the command, proxies, open files, the clock."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from time import time
from urllib.parse import urlsplit

from llm_orc.domain.finding import Finding, fail, ok, warn
from llm_orc.errors import OrcError

IMPORT_SECONDS = 9.0
CONNECTIONS = 256
"""Calls at once where no setting limits them: as many as there are connections to one server."""

_FILES_PER_CALL = 3
"""A script has three pipes, a call of a model one connection."""

_FILES_AT_REST = 64
_PACKAGE = Path(__file__).resolve().parent.parent
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;\s*(.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        words = str(error).splitlines() or [""]
        print(name, f"{type(error).__name__}: {words[0]}", sep="\\t", flush=True)
    else:
        print(name, "", sep="\\t", flush=True)
"""


def python() -> Iterator[Finding]:
    """Which Python and which llm-orc this is."""
    number = ".".join(str(part) for part in sys.version_info[:3])
    yield ok("python", f"{number} at {sys.executable}; llm-orc {_installed('llm-orc') or ''} in {_PACKAGE}")


def packages() -> Iterator[Finding]:
    """Each package that is asked for: there, new enough, and in a state to be loaded."""
    try:
        asked = distribution("llm-orc").requires or []
    except PackageNotFoundError:
        yield warn("packages", "llm-orc is not installed as a package, so its needs are not known",
                   "pip install llm-orc, or `pip install -e .` in a checkout")  # fmt: skip
        return
    wanted = [_Wanted(text) for text in asked]
    absent = sorted({each.extra for each in wanted if each.extra and each.installed is None})
    for each in wanted:
        yield from each.trouble()
    modules = {each.name: _module(each.name) for each in wanted if each.installed is not None}
    needed = [modules[each.name] for each in wanted if modules.get(each.name) and not each.extra]
    extra = [modules[each.name] for each in wanted if modules.get(each.name) and each.extra]
    with ThreadPoolExecutor() as threads:  # some packages take seconds
        broken = {
            module: why for found in threads.map(_broken, (needed, extra)) for module, why in found.items()
        }
    for each in wanted:
        if why := broken.get(modules.get(each.name, "")):
            state = warn if each.extra else fail
            yield state(f"package {each.name}", f"it is installed and cannot be loaded: {why}", each.mending)
    present = [each.name for each in wanted if each.installed is not None]
    detail = f"{len(present)} installed"
    if absent:
        detail += f"; not installed: {', '.join(absent)} (pip install 'llm-orc[{absent[0]}]')"
    yield ok("packages", detail)


class _Wanted:
    """A requirement: `mcp>=2.3,<3; extra == "mcp"`. `extra` is "" for what everybody needs."""

    def __init__(self, text: str) -> None:
        found = _REQUIREMENT.match(text)
        assert found is not None
        self.name, self.limits, marker = found[1].lower(), found[2], found[3] or ""
        extra = _EXTRA.search(marker)
        self.extra = extra[1] if extra else ""
        self._somewhere_only = bool(marker) and extra is None
        self.mending = f"pip install --force-reinstall '{self.name}{self.limits}'"
        self.installed = _installed(self.name)

    def trouble(self) -> Iterator[Finding]:
        what, mending = f"package {self.name}", f"pip install '{self.name}{self.limits}'"
        if self.installed is None:
            if not self.extra:
                state = warn if self._somewhere_only else fail
                yield state(what, "it is not installed", mending)
            return
        for limit in filter(None, self.limits.split(",")):
            if not _holds(self.installed, limit.strip()):
                state = warn if self.extra else fail
                yield state(what, f"version {self.installed} is installed, {limit} is needed", mending)


def _installed(package: str) -> str | None:
    """Its version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _module(package: str) -> str:
    """What is imported of an installed package: of its modules the least deep one; "" where it has none."""
    files = [file.parts for file in distribution(package).files or () if file.suffix == ".py"]
    inits = [".".join(parts[:-1]) for parts in files if parts[-1] == "__init__.py" and len(parts) > 1]
    alone = [parts[0].removesuffix(".py") for parts in files if len(parts) == 1]
    public = [name for name in (*inits, *alone) if not re.search(r"(^|\.)_", name)]
    return min(public, key=lambda name: (name.count("."), name), default="")


def _holds(installed: str, limit: str) -> bool:
    """Whether a version keeps to `>=2.3` or `<3`; what is written otherwise is not judged."""
    have = _numbers(installed)
    if limit.startswith(">="):
        return have >= _numbers(limit[2:])
    return have < _numbers(limit[1:]) if limit[:1] == "<" and limit[1:2] != "=" else True


def _numbers(text: str) -> tuple[int, ...]:
    release = re.match(r"\d+(?:\.\d+)*", text.strip())
    numbers = [int(part) for part in release[0].split(".")] if release else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _broken(modules: list[str]) -> dict[str, str]:
    """Which modules cannot be loaded, and why. In a process of its own: a broken one may end it."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT_ALL, *modules], capture_output=True, text=True, errors="replace",
            timeout=IMPORT_SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        code, printed = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, printed = 0, (error.stdout or b"").decode(errors="replace")
    told = dict(line.split("\t", 1) for line in printed.splitlines() if "\t" in line)
    if code:  # the one after the last that was told
        told[modules[len(told)]] = f"loading it ended the process ({code})"
    return {module: why for module, why in told.items() if why}


def command() -> Iterator[Finding]:
    """Whether a shell finds this llm-orc."""
    found = shutil.which("llm-orc")
    ours = Path(sys.executable).parent
    if found is None:
        yield warn("command", "llm-orc is not on the PATH", f'export PATH="{ours}:$PATH"')
    elif Path(found).resolve().parent not in (ours, ours.resolve()):
        yield warn("command", f"the shell finds another installation first: {found}",
                   f'this one is in {ours}; put it earlier in PATH')  # fmt: skip
    else:
        yield ok("command", found)


async def proxies(near: list[str]) -> list[Finding]:
    """`near` are the hosts of the catalogue's servers that are on this network, but not this machine."""
    from llm_orc.providers.http import Wire
    from llm_orc.providers.keys import Key

    given = {name: value for name, value in urllib.request.getproxies().items() if name != "no"}
    if not given:
        return [ok("proxies", "none")]
    bad = sorted(name for name, value in given.items() if not _is_proxy(value))
    try:
        # Nobody is asked: the settings are only read.
        await Wire("proxy", "http://example.invalid", key=Key(None)).ready()
    except OrcError:
        bad = bad or sorted(given)
    if bad:
        names = " and ".join(f"{name.upper()}_PROXY" for name in bad)
        return [fail("proxies", f"{names} cannot be used", "write http://host:port, or unset it")]
    caught = [host for host in near if not urllib.request.proxy_bypass(host)]
    if caught:
        hosts = ",".join(caught)
        return [warn("proxies", f"calls to {hosts}, which is near, go to a proxy",
                     f'export NO_PROXY="$NO_PROXY,{hosts}"')]  # fmt: skip
    if not all(urllib.request.proxy_bypass(host) for host in ("localhost", "127.0.0.1")):
        return [warn("proxies", "NO_PROXY leaves out localhost: llm-orc calls servers on this machine "
                     "directly, scripts and tools that it starts may not",
                     'export NO_PROXY="$NO_PROXY,localhost,127.0.0.1,::1"')]  # fmt: skip
    return [ok("proxies", f"for {', '.join(sorted(given))}; not for this machine")]


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        return re.fullmatch(r"[\w.:-]+", parts.hostname or "") is not None and parts.port != 0
    except ValueError:
        return False


def open_files(concurrency: int | None) -> Iterator[Finding]:
    """Whether so many calls at once may be open."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if concurrency is None:
        needed, why = CONNECTIONS + _FILES_AT_REST, f"{CONNECTIONS} connections to one server"
    else:
        needed = concurrency * _FILES_PER_CALL + _FILES_AT_REST
        why = f"concurrency {concurrency}"
    shown = "no limit" if limit == resource.RLIM_INFINITY else str(limit)
    if limit != resource.RLIM_INFINITY and limit < needed:
        yield warn("open files", f"{shown} are allowed, {why} may need {needed}", f"ulimit -n {needed}")
    else:
        yield ok("open files", f"{shown}; {why} may need {needed}")


def clock() -> Iterator[Finding]:
    """A clock that is behind breaks certificates, and the order of the journal."""
    written = (_PACKAGE / "errors.py").stat().st_mtime
    if time() < written - 86400:
        yield warn("clock", "it is behind: llm-orc was installed in its future", "set the clock")
    else:
        yield ok("clock", "not behind")
