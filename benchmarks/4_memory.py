"""Peak memory of training steps: each model in a process of its own, beyond what imports take."""

import subprocess
import sys

import torch
from common import SHAPES, arguments, ours, table, transformers_gpt2, x_transformers

MAKERS = {"minigen": ours, "transformers GPT-2": transformers_gpt2, "x-transformers": x_transformers}


def main() -> None:
    """Starts a process for each model and prints the table."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", nargs="*", default=["0.8M", "12M"], choices=list(SHAPES))
    parser.add_argument("--one", nargs=2, help="(internal) measure one: SHAPE MODEL")
    options = parser.parse_args()
    if options.one:
        print(_measure(*options.one))
        return
    rows = []
    for shape in options.shapes:
        for name in MAKERS:
            command = [sys.executable, __file__, "--one", shape, name]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append([shape, name, float(answer.stdout.split()[-1])])
    table(["shape", "model", "peak of 3 training steps, MB above the imports"], rows)


def _measure(shape_name: str, name: str) -> float:
    import psutil

    shape = SHAPES[shape_name]
    tokens = torch.randint(65, (shape.batch_size, shape.context_length + 1))
    contender = MAKERS[name](shape, 65)  # imports the library
    del contender
    before = psutil.Process().memory_info().rss
    contender = MAKERS[name](shape, 65)
    optimizer = torch.optim.AdamW(contender.model.parameters(), fused=True)
    for _ in range(3):
        contender.loss(tokens[:, :-1], tokens[:, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return (_peak_rss() - before) / 1e6


def _peak_rss() -> int:
    import psutil

    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):  # Windows
        return info.peak_wset
    import resource

    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else 1024 * kilobytes


if __name__ == "__main__":
    main()
