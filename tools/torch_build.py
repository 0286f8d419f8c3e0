"""Say so before pip fetches gigabytes of CUDA libraries for a machine that has no NVIDIA GPU.

python tools/torch_build.py [ARGUMENTS OF pip install]

Asks pip which file it would take (a dry run that reads metadata: seconds). Never fails: whatever goes wrong
here, the installation itself reports better.
"""

import json
import platform
import shutil
import subprocess
import sys

ADVICE = """
  Note: pip is about to install the CUDA build of PyTorch, about 3 GB to download and 6 GB on disk, and this
  machine shows no NVIDIA GPU. All works with it, only larger. For the CPU build (about 0.2 GB), press Ctrl-C
  and repeat the command with the index of CPU builds, whose address the "Start locally" page of PyTorch's own
  site shows when you choose Linux, Pip and CPU:

      make demo PIP_ARGS="--extra-index-url ADDRESS"
"""


def chosen_metadata(arguments: list[str]) -> dict:
    """The metadata of the torch file that pip would install here; {} when pip cannot tell."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--report", "-"]
    command += ["-c", "constraints.txt", *arguments, "torch"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    installs = json.loads(answer.stdout)["install"] if answer.returncode == 0 else []
    return installs[0]["metadata"] if installs else {}


def needs_cuda(metadata: dict) -> bool:
    """Whether a torch file with this metadata brings NVIDIA's libraries along."""
    return any(line.startswith(("nvidia-", "cuda-")) for line in metadata.get("requires_dist", []))


def main() -> None:
    """Print the advice where it applies: Linux, no NVIDIA driver, and a CUDA build about to be installed."""
    if platform.system() != "Linux" or shutil.which("nvidia-smi"):
        return
    try:
        if needs_cuda(chosen_metadata(sys.argv[1:])):
            print(ADVICE, flush=True)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return


if __name__ == "__main__":
    main()
