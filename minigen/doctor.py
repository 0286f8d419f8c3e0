"""Is everything here that the course needs? One finding for each thing, and what to do about what is missing.

`minigen doctor` prints the findings. Each check takes what it judges as an argument and looks it up only when
none is given, so that a test can show it any machine. Nothing here needs torch to be installed: that it is
missing is one of the findings.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `status` is "ok", "warn" or "fail"; `advice` says what to do."""

    name: str
    status: str
    found: str
    advice: str = ""


def judge(name: str, found: str, *, fail: bool = False, warn: bool = False, advice: str = "") -> Finding:
    """The Finding for these conditions; the advice is kept only where there is something to mend."""
    status = "fail" if fail else "warn" if warn else "ok"
    return Finding(name, status, found, advice if fail or warn else "")


def check_python(version: Sequence[int] | None = None) -> Finding:
    """Python 3.11 or later."""
    version = tuple(version or sys.version_info)[:3]
    found = f"{'.'.join(map(str, version))} at {sys.executable}"
    advice = "install Python 3.11 or later and make a new environment with it"
    return judge("Python", found, fail=version < (3, 11), advice=advice)


def check_packages(requirements: Sequence[str] | None = None) -> Finding:
    """Each package that minigen depends on is installed, in a version within its range."""
    from packaging.requirements import Requirement

    if requirements is None:
        requirements = metadata.requires("minigen") or []
    needed = [Requirement(line) for line in requirements]
    needed = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = []
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        if not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one.name} is {version}, needs {one.specifier}")
    found = "; ".join(wrong) or f"all {len(needed)}, each within its range"
    advice = 'in the course\'s folder: pip install -c constraints.txt -e ".[test]"'
    return judge("packages", found, fail=bool(wrong), advice=advice)


def check_torch(version: str | None = None, cuda: str | None = None, driver: bool | None = None) -> Finding:
    """The build of torch fits the machine: a CPU build beside an NVIDIA driver leaves the GPU idle."""
    if version is None:
        import torch

        version, cuda = torch.__version__, torch.version.cuda
    driver = bool(shutil.which("nvidia-smi")) if driver is None else driver
    found = f"{version}, built for {f'CUDA {cuda}' if cuda else 'CPU'}"
    advice = (
        "there is an NVIDIA driver here, which this build cannot use: "
        "choose CUDA on the 'Start locally' page of PyTorch's site and install what it says"
    )
    return judge("torch", found, warn=driver and not cuda and platform.system() != "Darwin", advice=advice)


def check_device() -> Finding:
    """Where minigen would compute."""
    import torch

    from minigen.device import pick_device

    device = pick_device()
    if device.type != "cuda":
        return judge("device", device.type)
    card = torch.cuda.get_device_properties(device)
    return judge("device", f"cuda: {card.name}, {card.total_memory / GIB:.0f} GiB")


def check_precision(speedup: float | None = None) -> Finding:
    """Which number format minigen would pick, and on a CPU how the two compare. No choice is wrong."""
    import torch

    from minigen.device import bf16_speedup, pick_device, pick_precision

    device = pick_device()
    name = "bfloat16" if pick_precision(device) == torch.bfloat16 else "float32"
    if device.type != "cpu":
        return judge("precision", f"{name} is the faster here")
    return judge("precision", f"{name}: bfloat16 runs at {speedup or bf16_speedup():.2g} times float32's speed")


def check_threads(threads: int | None = None, cores: int | None = None) -> Finding:
    """torch uses the cores there are."""
    import psutil

    if threads is None:
        import torch

        threads = torch.get_num_threads()
    cores = cores or psutil.cpu_count(logical=False) or os.cpu_count() or 1
    found = f"{threads} for {cores} cores"
    advice = "training will be slow: unset OMP_NUM_THREADS, or set it to the number of cores"
    return judge("threads", found, warn=threads * 2 <= cores, advice=advice)


def check_memory(available: int | None = None) -> Finding:
    """Free memory in bytes: lessons stay under 4 GiB, the demo under 1 GiB."""
    import psutil

    available = psutil.virtual_memory().available if available is None else available
    advice = "close other programs; a lesson may need up to 4 GiB"
    found = f"{available / GIB:.1f} GiB free"
    return judge("memory", found, fail=available < GIB, warn=available < 4 * GIB, advice=advice)


def check_disk(free: int | None = None) -> Finding:
    """Free disk space in bytes where runs are saved."""
    free = shutil.disk_usage(Path.cwd()).free if free is None else free
    advice = "make room: runs and data take a few hundred MB"
    found = f"{free / GIB:.1f} GiB free"
    return judge("disk", found, fail=free < 0.2 * GIB, warn=free < GIB, advice=advice)


def check_folder(folder: Path | None = None) -> Finding:
    """The working folder can be written to, since runs/ is made in it."""
    folder = folder or Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=folder):
            return judge("working folder", f"{folder} can be written to")
    except OSError as error:
        advice = "change to a folder of your own, or pass --out with one"
        return judge("working folder", f"{folder}: {error.strerror}", fail=True, advice=advice)


def check_data(name: str = "shakespeare", there: bool | None = None) -> Finding:
    """The default text has been fetched."""
    if there is None:
        from minigen.data import info

        there = bool(info(name)["fetched"])
    found = f"{name} {'is here' if there else 'has not been fetched'}"
    return judge("data", found, warn=not there, advice=f"minigen data fetch {name}")


def check_kernel(command: Sequence[str] | None = None) -> Finding:
    """Jupyter's kernel "python3" is this Python. A bare `python` means the one Jupyter runs in."""
    advice = "python -m ipykernel install --sys-prefix    (with this environment active)"
    if command is None:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

        try:
            command = KernelSpecManager().get_kernel_spec("python3").argv
        except NoSuchKernel:
            return judge("Jupyter kernel", "there is no kernel called python3", fail=True, advice=advice)
    mine = bool(re.fullmatch(r"python[\d.]*(\.exe)?", command[0])) or same_file(command[0], sys.executable)
    found = "python3, this Python" if mine else f"python3 starts another Python: {command[0]}"
    return judge("Jupyter kernel", found, warn=not mine, advice=advice)


def same_file(one: str, other: str) -> bool:
    """Whether two paths name one file in one folder; two environments may link to the same Python."""
    return os.path.normcase(os.path.abspath(one)) == os.path.normcase(os.path.abspath(other))


CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": check_python,
    "packages": check_packages,
    "torch": check_torch,
    "device": check_device,
    "precision": check_precision,
    "threads": check_threads,
    "memory": check_memory,
    "disk": check_disk,
    "working folder": check_folder,
    "data": check_data,
    "Jupyter kernel": check_kernel,
}


def diagnose() -> list[Finding]:
    """All findings, in order. A check that cannot even run is a finding that failed."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(check())
        except Exception as error:  # whatever is broken here is what the doctor is asked about
            advice = 'install the course again: pip install -c constraints.txt -e ".[test]"'
            findings.append(Finding(name, "fail", f"{type(error).__name__}: {error}", advice))
    return findings


def report(findings: Sequence[Finding], width: int = 100) -> str:
    """The findings as a plain table, wrapped at `width`, and a last line that sums them up."""
    lines = []
    for one in findings:
        head = f"  {one.status.upper() if one.status == 'fail' else one.status:5s} {one.name:15s} "
        lines += textwrap.wrap(one.found, width, initial_indent=head, subsequent_indent=" " * len(head))
        if one.advice:
            indent = " " * len(head)
            lines += textwrap.wrap(f"-> {one.advice}", width, initial_indent=indent, subsequent_indent=indent + "   ")
    fails, warns = (sum(one.status == status for one in findings) for status in ("fail", "warn"))
    verdict = "All is well." if not fails + warns else f"{fails} to mend, {warns} to know about."
    return "\n".join([*lines, "", verdict])


def exit_status(findings: Sequence[Finding]) -> int:
    """0, or 1 when something failed; a warning is no failure."""
    return int(any(one.status == "fail" for one in findings))


def main() -> int:
    """Print the report, in whatever characters the terminal has, and return the exit status."""
    findings = diagnose()
    encoding = sys.stdout.encoding or "ascii"
    print(report(findings).encode(encoding, "replace").decode(encoding))
    return exit_status(findings)


if __name__ == "__main__":
    sys.exit(main())
