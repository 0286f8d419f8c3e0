"""Execute, tidy, check and look at the lessons.

python tools/notebooks.py run 02_attention     execute in place, tidy, and report time, memory and size; or --all
python tools/notebooks.py check                does each lesson have the committed form? (executes nothing)
python tools/notebooks.py render 02_attention DIR   every picture as PNG, and the page as HTML, to look at
The committed form is what `tidy` gives, whoever ran a notebook: a diff shows only changes.
"""

import argparse
import base64
import html
import io
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
MAX_BYTES, MAX_SECONDS, MAX_MEMORY = 1_000_000, 240, 4 * 1024**3

# The first code cell of each lesson. Plain `find_spec` would also find a bare folder called minigen, such as
# the checkout itself seen from its parent folder, as a namespace package: that one has no origin.
SETUP_CELL = """\
# Finds minigen, or installs it from the checkout around this notebook, as on Colab; otherwise does nothing.
import importlib.util
import subprocess
import sys
from pathlib import Path

if getattr(importlib.util.find_spec("minigen"), "origin", None) is None:
    near = [Path.cwd(), *Path.cwd().parents, *Path.cwd().iterdir()]
    root = next((p for p in near if (p / "minigen/__init__.py").is_file()), None)
    if root is None:
        raise ModuleNotFoundError("minigen is not installed: open this notebook inside the course's folder")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-e", str(root)], check=True)
    sys.path.insert(0, str(root))\
"""

KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS = re.compile(r"\d+%\|.*?\||\d+it \[|it/s\]|s/it\]")


def lessons(names: list[str] | None = None) -> list[Path]:
    """The notebooks called `names` (folder and ending are optional), or all. ValueError for unknown names."""
    known = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    unknown = [name for name in names or [] if Path(name).stem not in known]
    if unknown:
        raise ValueError(f"no notebook called {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
    return [known[Path(name).stem] for name in names] if names else list(known.values())


def read(path: Path) -> NotebookNode:
    """The notebook at `path`, in nbformat 4."""
    return nbformat.read(path, as_version=4)


def widget_text(state: dict, model: str) -> str:
    """What a widget last showed, as words: the text of its leaves, joined (a bar has none)."""
    own = state.get(model, {}).get("state", {})
    children = [child.removeprefix("IPY_MODEL_") for child in own.get("children", [])]
    if children:
        return " ".join(filter(None, (widget_text(state, child) for child in children)))
    value = own.get("value", "")
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", value)).split()) if isinstance(value, str) else ""


def with_palette(png: str) -> str:
    """A PNG (in base64) in at most 128 colours, a third of the size; one that has a palette already stays."""
    image, file = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    if image.mode != "P":
        image.convert("RGB").quantize(128, method=Image.Quantize.FASTOCTREE).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode() or png


def tidy_outputs(outputs: list[NotebookNode], state: dict) -> list[NotebookNode]:
    """Outputs without text progress bars, and with each widget as the plain text of its last state."""
    kept = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr" and PROGRESS.search(output.text):
            continue
        if WIDGET in output.get("data", {}):
            if not (text := widget_text(state, output.data[WIDGET]["model_id"])):
                continue
            output = nbformat.v4.new_output("display_data", data={"text/plain": text})
        if "metadata" in output:
            output.metadata = NotebookNode()
        if png := output.get("data", {}).get("image/png"):
            output.data["image/png"] = with_palette(png)
        kept.append(output)
    return kept


def tidy(notebook: NotebookNode) -> NotebookNode:
    """A copy in the committed form: plain metadata, cell ids by position, counts 1..n, no trailing blanks."""
    notebook = nbformat.from_dict(notebook)
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    notebook.metadata = nbformat.from_dict(KERNEL)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for number, cell in enumerate(notebook.cells, start=1):
        tags = cell.metadata.get("tags", [])
        cell.metadata = NotebookNode(tags=tags) if tags else NotebookNode()
        cell.id = f"cell-{number:02d}"
        cell.source = "\n".join(line.rstrip() for line in cell.source.split("\n")).strip("\n")
        if cell.cell_type != "code":
            continue
        cell.outputs = tidy_outputs(cell.outputs, state.get("state", {}))
        cell.execution_count = count = count + 1
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    return notebook


def problems(notebook: NotebookNode) -> list[str]:
    """What keeps a notebook from the committed form; empty when all is well."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"was not run once from top to bottom: execution counts {counts}")
    if notebook != tidy(notebook):
        found.append("is not tidy (metadata, cell ids, progress bars, widgets or trailing blanks)")
    for cell in code:
        outputs = cell.outputs
        errors = [output.ename for output in outputs if output.output_type == "error"]
        noise = [output.text for output in outputs if output.get("name") == "stderr"]
        found += [f"{cell.id} ended in {name}" for name in errors]
        found += [f"{cell.id} wrote to stderr: {text.strip()[:80]!r}" for text in noise]
        if "NBVAL_CHECK_OUTPUT" in cell.source and any(PROGRESS.search(str(output)) for output in outputs):
            found.append(f"{cell.id} has NBVAL_CHECK_OUTPUT and a progress bar, whose times always differ")
    return found


class PeakMemory(threading.Thread):
    """Watches the resident memory of this process's children, the kernel among them; `.bytes` is the peak."""

    def __init__(self, every: float = 0.1):
        super().__init__(daemon=True)
        self.bytes, self.every, self.stopped = 0, every, threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self.stopped.wait(self.every):
            self.bytes = max(self.bytes, self.now())

    @staticmethod
    def now() -> int:
        """Bytes that all children together hold at this moment."""
        total = 0
        for child in psutil.Process().children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.Error:
                continue  # it ended between the two calls
        return total


def run(path: Path) -> list[str]:
    """Execute the notebook in place, tidy it, print what it took; return what breaks the budget or the form.

    When a cell raises, the file is left as it was, and the error is printed.
    """
    print(f"{path.stem:30s} running ...", end="", flush=True)
    notebook, watch, start = read(path), PeakMemory(), time.perf_counter()
    watch.start()
    options = {"timeout": 600, "kernel_name": "python3", "record_timing": False}
    client = NotebookClient(notebook, resources={"metadata": {"path": str(FOLDER)}}, **options)
    try:
        client.execute()
    except CellExecutionError as error:
        print(f" failed\n{error}")
        return ["a cell raised an error; the file was left as it was"]
    finally:
        watch.stopped.set()
    seconds, notebook = time.perf_counter() - start, tidy(notebook)
    nbformat.write(notebook, path)
    size = path.stat().st_size
    print(
        f"\r{path.stem:30s} {seconds:6.1f} s  {watch.bytes / 2**20:6.0f} MiB  {size / 1000:5.0f} kB"
        f"  {len(list(pictures(notebook))):2d} pictures"
    )
    limits = {"seconds": (seconds, MAX_SECONDS), "bytes of memory": (watch.bytes, MAX_MEMORY)}
    limits["bytes on disk"] = (size, MAX_BYTES)
    over = [f"{value:.0f} {what}, over {limit}" for what, (value, limit) in limits.items() if value > limit]
    return problems(notebook) + over


def pictures(notebook: NotebookNode) -> Iterator[tuple[str, bytes]]:
    """Each PNG among the outputs, with the id of its cell."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield cell.id, base64.b64decode(output.data["image/png"])


def render(path: Path, folder: Path) -> list[Path]:
    """Write each picture of the notebook and its HTML page into `folder`; return what was written."""
    from nbconvert import HTMLExporter  # slow to import

    folder.mkdir(parents=True, exist_ok=True)
    notebook, written = read(path), []
    for number, (cell_id, png) in enumerate(pictures(notebook), start=1):
        written.append(folder / f"{path.stem}-{number:02d}-{cell_id}.png")
        written[-1].write_bytes(png)
    written.append(folder / f"{path.stem}.html")
    written[-1].write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    return written


def main() -> int:
    """The command line; returns the exit status: 1 when a notebook has a problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("run", "check"):
        sub = verbs.add_parser(verb)
        sub.add_argument("names", nargs="*", help="such as 02_attention")
        sub.add_argument("--all", action="store_true", help="all notebooks, in order")
    sub = verbs.add_parser("render")
    sub.add_argument("name")
    sub.add_argument("folder", type=Path)
    args = parser.parse_args()
    if args.verb == "render":
        print(*render(lessons([args.name])[0], args.folder), sep="\n")
        return 0
    if args.verb == "run" and not args.names and not args.all:
        parser.error("name the notebooks to run, or say --all")
    status = 0
    for path in lessons(args.names):
        for problem in run(path) if args.verb == "run" else problems(read(path)):
            print(f"  {path.name}: {problem}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
