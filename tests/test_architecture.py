"""The house keeps its shape: imports point down, start-up stays light, files stay readable."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hptune
from hptune.data import prepared
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.runs import RunFolder

PACKAGE = Path(hptune.__file__).parent
# From the ground up: a module may import what stands in a line above its own, or beside it in its own package.
FLOORS = [
    ["signals", "places"],
    ["errors", "trial", "randomness", "wording", "notations", "search.plan", "environment", "measured"],
    ["failpoints", "rights", "legal", "events", "search.known", "breaker", "cgroups"],
    ["machine", "search.ranking"],
    ["scales", "nn.hyperparameters", "data.settings", "data.kinds"],
    ["domains"],
    ["levels", "effects", "data", "runs"],
    ["space", "replacing"],
    ["nn", "config", "search.confirmation", "trainers"],
    ["search", "store", "trainers.network"],
    ["stage_trials"],
    ["workers", "stored_config", "study_data", "agenda", "other_data", "final_test", "probe"],
    ["zooming"],
    ["zooming"],
    ["study", "loop", "lost_network", "retry", "tables"],
    ["analysis", "copying"],
    ["report"],
    ["session"],
    ["cli"],
    ["__main__"],
]
RUNNING = {"nn", "data.loading", "trainers", "workers", "study", "study_data", "final_test", "lost_network"}
READING = {"tables", "analysis", "report"}
SHARED_BY_BOTH = {"nn.hyperparameters", "data.settings"}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


def imports_of(path):
    """Modules of hptune that a file imports, also inside functions; not those for type checking alone."""
    tree = ast.parse(path.read_text())
    for_types = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "hptune":
            base = (node.module or "").removeprefix("hptune").removeprefix(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".strip(".")
                yield full if full in MODULES else base
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix("hptune").strip(".") for a in node.names if a.name.startswith("hptune"))


def floor(module):
    """The line of the longest name in FLOORS that the module is or lies in."""
    places = {name: level for level, names in enumerate(FLOORS) for name in names}
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in places:
            return places[name], name
    raise AssertionError(f"{module} has no place in FLOORS")


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_point_down(module):
    level, package = floor(module)
    for other in imports_of(MODULES[module]):
        if other:
            other_level, other_package = floor(other)
            assert other_level < level or other_package == package, f"{module} imports {other}"


def test_the_table_of_floors_would_notice_an_import_that_points_up():
    assert floor("study")[0] > floor("workers.local")[0] > floor("trainers")[0] > floor("trial")[0]
    assert floor("nn.hyperparameters")[0] < floor("config.parameters")[0]
    assert "trial" in set(imports_of(MODULES["workers.local"]))
    assert "tables" in set(imports_of(MODULES["cli.reading"]))  # imports inside functions are seen


def test_there_is_no_import_cycle():
    graph = {name: {other for other in imports_of(path) if other and other != name} for name, path in MODULES.items()}
    while free := [name for name, others in graph.items() if not others & graph.keys()]:
        for name in free:
            del graph[name]
    assert not graph


def test_the_reading_half_never_imports_the_running_half():
    for module, path in MODULES.items():
        if module.partition(".")[0] in READING:
            for other in imports_of(path):
                belongs = {".".join(other.split(".")[:n]) for n in (1, 2, 3)} & RUNNING
                assert not belongs or other in SHARED_BY_BOTH, f"{module} imports {other}"


def loaded_by(code, *arguments):
    """The modules that are loaded after some code has run in a fresh interpreter."""
    program = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.splitlines()[-1].split())


HEAVY = {"numpy", "pandas", "rich", "yaml", "plotly"}


def test_import_hptune_is_light():
    assert not loaded_by("import hptune") & (HEAVY | {"click"})


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["check", "--help"], ["--version"], ["serch"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        f"sys.argv = ['hptune', *{arguments!r}]\n"
        "from hptune.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert not loaded_by(code) & HEAVY


def test_workers_load_only_what_trains(tmp_path):
    folder = RunFolder(tmp_path)
    prepared.write(folder.prepared(normalized=True), load(DataSettings(source="digits")), normalized=True)
    code = (
        "import hptune.workers.child, hptune.workers.messages\n"
        "from hptune import trainers\n"
        "from hptune.trial import Job, TrialSpec\n"
        "settings = {'folder': sys.argv[1], 'train': {'epochs': 1, 'normalize_inputs': True}}\n"
        "train = trainers.prepare(Job('hptune.trainers.network:prepare', 'dev_error', settings))\n"
        "folder = __import__('pathlib').Path(sys.argv[1], '.weights').mkdir()\n"
        "list(train(TrialSpec(0, 0, {}, 0)))"
    )
    loaded = loaded_by(code, str(tmp_path))
    assert folder.weights_of(0).exists()  # so that it has been through everything
    assert {"numpy", "hptune.nn.network"} <= loaded
    readers = {"hptune.data.loading", "hptune.data.table", "hptune.data.csv_file", "hptune.data.drift"}
    assert not loaded & (HEAVY - {"numpy"} | {"click", "sqlite3", "pyarrow", "csv"} | readers)


def test_the_running_half_loads_no_pandas_and_draws_nothing():
    assert not loaded_by("import hptune.study, hptune.workers.local, hptune.workers.inline") & {
        "pandas",
        "rich",
        "click",
    }


def test_the_reading_half_loads_no_trainer():
    loaded = loaded_by("import hptune.tables, hptune.analysis.summary, hptune.report.terminal, hptune.report.outcome")
    assert "hptune.nn.network" not in loaded
    assert not any(name.startswith("hptune.workers") for name in loaded)


DOMAINS = {"Choice", "Range", "Real", "Grid", "LogInteger"}


def asked_for_a_kind_of_domain(tree):
    """The lines that ask for the class of a domain."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = node.args[1]
        elif isinstance(node, ast.MatchClass):
            asked = node.cls
        else:
            continue
        if {name.id for name in ast.walk(asked) if isinstance(name, ast.Name)} & DOMAINS:
            yield asked.lineno


@pytest.mark.parametrize("module", [name for name in MODULES if name not in {"domains", "levels"}])
def test_nobody_asks_for_the_kind_of_a_domain(module):
    assert not list(asked_for_a_kind_of_domain(ast.parse(MODULES[module].read_text())))


def test_asking_for_the_kind_of_a_domain_would_be_noticed():
    code = (
        "isinstance(x, Choice)\nisinstance(x, int | Grid)\nmatch x:\n    case Real():\n        pass\nisinstance(x, int)"
    )
    assert list(asked_for_a_kind_of_domain(ast.parse(code))) == [1, 2, 4]


@pytest.mark.parametrize("module", MODULES)
def test_files_stay_readable(module):
    path = MODULES[module]
    text = path.read_text()
    assert text.count("\n") <= 400
    assert path.stem not in {"utils", "util", "common", "helpers", "core", "base"}
    assert ast.get_docstring(ast.parse(text)), "every module says in a sentence what it is for"


def test_only_one_module_loads_pandas_at_the_top():
    at_top = {
        name
        for name, path in MODULES.items()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import) and any(alias.name == "pandas" for alias in node.names)
    }
    assert at_top <= {"tables", "analysis.leaderboard"}
