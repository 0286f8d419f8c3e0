"""The habits of the house, held by tests: floors, sizes, docstrings, one environment by every road."""

import ast
import contextlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import minigen

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = sorted((ROOT / "minigen").rglob("*.py"))

# A file imports only from lower floors, or from its own package. ALSO names the few steps on one floor.
FLOORS = {
    5: ["cli", "doctor", "demo", "checks", "grading"],
    4: ["estimators", "presets", "vae_presets", "plots"],
    3: [
        *("training", "generate", "beam_search", "pretrained"),
        *("metrics", "translation_metrics", "classification_metrics", "vae_metrics"),
    ],
    2: ["models", "word_vectors", "data"],
    1: ["layers", "tokenizers", "device", "files"],
}
ALSO = {
    "cli": {"doctor", "demo", "checks", "grading"},  # the command line calls them
    "grading": {"checks"},
    "estimators": {"presets", "vae_presets"},
    "vae_presets": {"presets"},
    "training": {"metrics"},
    "tokenizers": {"files"},
    "vae_metrics": {"generate"},
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names}


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def home(path: Path) -> str:
    """The part of minigen that a file belongs to: its folder there, or its own name."""
    return path.relative_to(ROOT / "minigen").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """The parts of minigen that a file imports, anywhere in it. Relative ones are forbidden."""
    for node in ast.walk(tree_of(path)):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        split = (name.split(".") for name in names)
        yield from {parts[1] for parts in split if parts[0] == "minigen" and len(parts) > 1}


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """All functions and methods of a file."""
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def show(path: Path) -> str:
    """The name of a test case."""
    return str(path.relative_to(ROOT))


each_module = pytest.mark.parametrize("path", MODULES, ids=show)


@each_module
def test_a_file_imports_only_from_lower_floors(path):
    mine = home(path)
    if mine == "__init__":
        assert not list(imported(path)), "minigen itself looks names up late"
        return
    assert mine in FLOOR_OF, f"minigen/{mine} has no floor yet: give it one in {Path(__file__).name}"
    for other in imported(path):
        if other == mine or other in ALSO.get(mine, ()) or other == "__version__":
            continue
        assert FLOOR_OF[other] < FLOOR_OF[mine], f"{show(path)} (floor {FLOOR_OF[mine]}) imports {other}"


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tools").glob("*.py"))], ids=show)
def test_files_and_functions_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
    for function in functions(path):
        first = function.body[0]
        has_docstring = ast.get_docstring(function) is not None
        docstring = first.end_lineno - first.lineno + 1 if has_docstring else 0
        length = function.end_lineno - function.lineno + 1 - docstring
        assert length <= 40, f"{show(path)}:{function.lineno} {function.name} has {length} lines"


@each_module
def test_constructors_take_at_most_six_arguments(path):
    for function in functions(path):
        if function.name == "__init__":
            arguments = [*function.args.posonlyargs, *function.args.args[1:], *function.args.kwonlyargs]
            assert len(arguments) <= 6, f"{show(path)}:{function.lineno} takes {len(arguments)}"


@each_module
def test_what_is_public_is_described(path):
    tree = tree_of(path)
    assert ast.get_docstring(tree), f"{show(path)} does not say what it is for"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{show(path)}:{node.lineno} {node.name} has no docstring"


@each_module
def test_public_signatures_are_annotated(path):
    for function in functions(path):
        if function.name.startswith("_") and function.name != "__init__":
            continue
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        assert not bare, f"{show(path)}:{function.lineno} {function.name}: {bare} have no type"
        assert function.returns or function.name == "__init__", f"{show(path)}:{function.lineno} returns what?"


def test_importing_minigen_is_light():
    heavy = ("torch", "numpy", "datasets", "matplotlib")
    code = f"import sys, minigen; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", minigen.__all__)
def test_each_public_name_can_be_looked_up(name):
    assert getattr(minigen, name) is not None
    assert name in dir(minigen)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="TextGenerator"):
        minigen.no_such_name  # noqa: B018


def pins() -> dict[str, str]:
    """constraints.txt: the pinned version of each package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_each_requirement_is_pinned_within_its_range():
    extras = PROJECT["optional-dependencies"].values()
    for line in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]:
        requirement, pinned = Requirement(line), pins()
        if requirement.name != "minigen":
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{line}, pinned {version}"
    assert not [version for version in pinned.values() if "+" in version], "a local label holds on one index only"


def test_each_pin_can_be_installed_with_the_oldest_python():
    oldest, refused = PROJECT["requires-python"].removeprefix(">=") + ".0", []
    for name in pins():
        with contextlib.suppress(PackageNotFoundError):  # not every extra is installed
            wanted = metadata(name)["Requires-Python"]
            refused += [f"{name} wants Python {wanted}"] if wanted and oldest not in SpecifierSet(wanted) else []
    assert refused == []


def test_conda_gives_the_environment_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [line for line in environment["dependencies"] if isinstance(line, str)]
    (pip,) = [line["pip"] for line in environment["dependencies"] if isinstance(line, dict)]
    # conda brings Python and pip alone, so no package can come in another version than pip's
    assert [re.split(r"[=<>]", line)[0] for line in conda] == ["python", "pip"]
    python = conda[0].removeprefix("python").lstrip("=")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python)
    assert pip == ["-c constraints.txt", "-e .[test]"]
    assert environment["name"] == PROJECT["name"]


def test_make_installs_what_conda_installs():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert '-c constraints.txt $(PIP_ARGS) -e ".[test]"' in makefile


def test_pre_commit_uses_the_pinned_tools():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    wanted = [line for hook in config["repos"][0]["hooks"] for line in hook["additional_dependencies"]]
    assert wanted
    for name, version in (line.split("==") for line in wanted):
        assert pins()[canonicalize_name(name)] == version, name


def test_the_version_is_told_the_same_everywhere():
    assert f"## {minigen.__version__} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == minigen.__version__


def tracked_files() -> list[Path]:
    """The files that git tracks; skips the test where this is no git checkout."""
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip("not a git checkout")
    return [path for path in (ROOT / name for name in answer.stdout.split("\0") if name) if path.is_file()]


def test_no_tracked_file_is_large():
    assert [show(path) for path in tracked_files() if path.stat().st_size > 1_000_000] == []


def test_no_text_names_a_place_on_one_machine():
    place = re.compile(r"(?<![\w.<])/(?:home|Users|root|tmp|work|opt)/\w|[A-Z]:\\\\?Users")
    texts = [path for path in tracked_files() if path.suffix in {".py", ".md", ".toml", ".yml", ".txt", ".cff", ""}]
    found = []
    for path in texts:
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [f"{show(path)}:{n} {line.strip()}" for n, line in enumerate(lines, 1) if place.search(line)]
    assert found == []
