"""The options that several commands share: one name, one wording and one type for each."""

from pathlib import Path
from typing import Annotated

import typer

MAX_SEED = 2**32 - 1

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a trained model, as given to --out.")]
Data = Annotated[
    str,
    typer.Option(
        help="A .txt, a table with a column text (.tsv .csv .jsonl .parquet), a folder, a name (minigen data list), or "
        "hub:owner/name."
    ),
]
Measured = Annotated[
    str,
    typer.Option(
        help="Data as the model was trained on: a file (.txt .tsv .csv .jsonl .parquet), a folder, a name (minigen "
        "data list), or hub:owner/name."
    ),
]
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu; the fastest one there if not given.")]

# Of training.
Out = Annotated[Path, typer.Option(help="Folder for the model; made if it is not there.")]
Preset = Annotated[str, typer.Option(help="tiny, speedrun, laptop, gpu or gpt2: size and recipe.")]
Architecture = Annotated[str, typer.Option(help="transformer, or gru: a recurrent model with as many parameters.")]
Steps = Annotated[int | None, typer.Option(help="Budget in steps.")]
Epochs = Annotated[float | None, typer.Option(help="Budget in passes over the data.")]
Minutes = Annotated[
    float | None,
    typer.Option(help="Budget in minutes, evaluations included; without any budget that of the preset."),
]
BatchSize = Annotated[int | None, typer.Option(help="Examples in a step: windows of text, pairs, ...")]
LearningRate = Annotated[
    float | None,
    typer.Option(help="Peak rate: of the hidden matrices, or of all below the head where weights are pretrained."),
]
TrainingSeed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same machine: same model.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run in --out.")]
Curves = Annotated[
    bool, typer.Option("--tensorboard", help="Also write curves for TensorBoard (pip install tensorboard).")
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile", help="Compile the model first: half a minute and a C++ compiler, then up to a third more steps."
    ),
]
