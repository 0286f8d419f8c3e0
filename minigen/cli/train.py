"""`minigen train`: one command for each task."""

from typing import Annotated

import typer

from minigen.cli.options import (
    Architecture,
    BatchSize,
    Compile,
    Curves,
    Data,
    Device,
    Epochs,
    LearningRate,
    Minutes,
    Out,
    Preset,
    Resume,
    Steps,
    TrainingSeed,
)
from minigen.cli.tasks import check, observers, read_data, refuse_used, report

train_app = typer.Typer(help="Train a model on a text of yours, or on data by its name.", no_args_is_help=True)


@train_app.command("generate")
def train_generate(
    data: Data,
    out: Out,
    preset: Preset = "laptop",
    architecture: Architecture = "transformer",
    tokenizer: Annotated[str, typer.Option(help="char, byte or bpe: characters, bytes, or learned pieces.")] = "char",
    vocab_size: Annotated[int, typer.Option(help="Tokens of a bpe tokenizer.")] = 2000,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    seed: TrainingSeed = 0,
    device: Device = None,
    resume: Resume = False,
    compile_model: Compile = False,
    tensorboard: Curves = False,
) -> None:
    """Train a model, usually a GPT, that writes like a text. A plain .txt is held out from its last tenth on.

    Example: minigen train generate --data plays.txt --out runs/plays --preset speedrun --minutes 2
    """
    from minigen.estimators import TextGenerator
    from minigen.estimators.architectures import LANGUAGE_MODELS, find_architecture
    from minigen.presets import find_preset

    recipe = {"steps": steps, "epochs": epochs, "minutes": minutes, "learning_rate": learning_rate}
    recipe["compile"] = compile_model
    refuse_used(out, resume)
    check(find_preset(preset), device, recipe)
    find_architecture(architecture, LANGUAGE_MODELS)
    splits = read_data(data, TextGenerator.columns)
    generator = TextGenerator(preset, tokenizer, vocab_size, seed, device, architecture)
    generator.fit(
        splits["train"]["text"],
        splits["validation"]["text"],
        batch_size=batch_size,
        out=out,
        resume=resume,
        observers=observers(out, tensorboard),
        **recipe,
    )
    report(generator.summary_, out, f'minigen generate {out} --prompt "..."')
