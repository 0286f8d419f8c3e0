"""`minigen train vae`, and what its model can do: `reconstruct`, `sample`, `interpolate`."""

from pathlib import Path
from typing import Annotated

import typer

from minigen.cli.options import (
    MAX_SEED,
    BatchSize,
    Curves,
    Device,
    Epochs,
    Folder,
    LearningRate,
    Minutes,
    Out,
    Resume,
    Steps,
    TrainingSeed,
)
from minigen.cli.tasks import check, observers, read_lines, read_training, refuse_used, report
from minigen.cli.train import train_app
from minigen.cli.use import use_app

SENTENCES = "a .txt, one a line, a column text (.tsv .csv .jsonl .parquet), a folder, a name (strings, ...)"


@train_app.command("vae")
def train_vae(
    data: Annotated[str, typer.Option(help=f"Short sentences: {SENTENCES}.")],
    out: Out,
    valid: Annotated[
        str | None, typer.Option(help="Sentences to watch the training by; else a tenth of a file is held out.")
    ] = None,
    preset: Annotated[str, typer.Option(help="tiny, laptop or gpu: size and recipe.")] = "laptop",
    tokenizer: Annotated[str, typer.Option(help="char, byte or bpe: characters, bytes, or learned pieces.")] = "bpe",
    vocab_size: Annotated[int, typer.Option(help="Tokens of a bpe tokenizer.")] = 1000,
    beta: Annotated[
        float, typer.Option(min=0, help="Cost of a nat of z: 1 to write like the data, 0.1 to 0.3 to reconstruct it.")
    ] = 1.0,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    seed: TrainingSeed = 0,
    device: Device = None,
    resume: Resume = False,
    tensorboard: Curves = False,
) -> None:
    """Train a text VAE, a space of short sentences; whether its z is used comes at the end.

    Example: minigen train vae --data strings --out runs/space --minutes 4
    """
    from minigen.estimators import TextAutoencoder
    from minigen.presets import find_preset
    from minigen.vae_presets import VAE_PRESETS

    recipe = {"steps": steps, "epochs": epochs, "minutes": minutes, "learning_rate": learning_rate}
    refuse_used(out, resume)
    check(find_preset(preset, VAE_PRESETS), device, recipe)
    (train,), held_out = read_training(data, valid, TextAutoencoder.columns)
    space = TextAutoencoder(preset, tokenizer, vocab_size, beta, seed, device).fit(
        train,
        held_out and held_out[0],
        batch_size=batch_size,
        out=out,
        resume=resume,
        observers=observers(out, tensorboard),
        **recipe,
    )
    report(space.summary_, out, f"minigen sample {out}")


@use_app.command()
def reconstruct(
    folder: Folder,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="A sentence; else --file, or what is piped in.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A UTF-8 file, one sentence a line.")] = None,
    device: Device = None,
) -> None:
    """Send sentences through z and back with a trained text VAE: one line out for each line in.

    Example: minigen reconstruct runs/space "Delete this file?"
    """
    from minigen.estimators import TextAutoencoder

    space, lines = TextAutoencoder.load(folder, device), read_lines(text, file, "reconstruct")
    full = [row for row, line in enumerate(lines) if line.strip()]
    written = dict(zip(full, space.reconstruct([lines[row] for row in full]), strict=True))
    for row in range(len(lines)):
        typer.echo(written.get(row, ""))


@use_app.command()
def sample(
    folder: Folder,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many sentences.")] = 10,
    temperature: Annotated[float, typer.Option(help="0: the likeliest tokens for a random z; 1: as learned.")] = 0.0,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="Same seed, same sentences.")] = None,
    device: Device = None,
) -> None:
    """Write sentences from random points of a trained text VAE's space.

    Example: minigen sample runs/space --number 5 --seed 1
    """
    from minigen.estimators import TextAutoencoder

    for sentence in TextAutoencoder.load(folder, device).sample(number, temperature, seed):
        typer.echo(sentence)


@use_app.command()
def interpolate(
    folder: Folder,
    start: Annotated[str, typer.Argument(help="A sentence.")],
    end: Annotated[str, typer.Argument(help="Another one.")],
    points: Annotated[int, typer.Option(min=2, help="How many sentences, the two ends included.")] = 7,
    device: Device = None,
) -> None:
    """Walk from one sentence to another through a trained text VAE's space.

    Example: minigen interpolate runs/space "Delete this file?" "The user was added."
    """
    from minigen.estimators import TextAutoencoder

    for sentence in TextAutoencoder.load(folder, device).interpolate(start, end, points):
        typer.echo(sentence)
