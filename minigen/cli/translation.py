"""`minigen train translate` and `minigen translate`."""

from pathlib import Path
from typing import Annotated

import typer

from minigen.cli.options import (
    Architecture,
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

PAIRS = "columns source and target (.tsv .csv .jsonl .parquet), a folder, a name (minigen data list), hub:owner/name"


@train_app.command("translate")
def train_translate(
    data: Annotated[str, typer.Option(help=f"Pairs of sentences: a file with {PAIRS}.")],
    out: Out,
    valid: Annotated[
        str | None, typer.Option(help="Pairs to watch the training by; without it, up to 1,000 of --data are held out.")
    ] = None,
    preset: Annotated[str, typer.Option(help="tiny, laptop or gpu: size and recipe.")] = "laptop",
    architecture: Architecture = "transformer",
    tokenizer: Annotated[str, typer.Option(help="char, byte or bpe: characters, bytes, or learned pieces.")] = "bpe",
    vocab_size: Annotated[int, typer.Option(help="Tokens of a bpe tokenizer, for both languages together.")] = 4000,
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
    """Train a translator on pairs of sentences; BLEU and chrF of the held-out ones come at the end.

    Example: minigen train translate --data software:en-fr --out runs/software --minutes 4

    Of your own: minigen train translate --data pairs.tsv --valid held_out.tsv --out runs/mine --minutes 20
    """
    from minigen.estimators import Translator
    from minigen.estimators.architectures import ENCODER_DECODERS, find_architecture
    from minigen.presets import TRANSLATION_PRESETS, find_preset

    recipe = {"steps": steps, "epochs": epochs, "minutes": minutes, "learning_rate": learning_rate}
    refuse_used(out, resume)
    check(find_preset(preset, TRANSLATION_PRESETS), device, recipe)
    find_architecture(architecture, ENCODER_DECODERS)
    train, held_out = read_training(data, valid, ("source", "target"))
    translator = Translator(preset, tokenizer, vocab_size, seed, device, architecture)
    translator.fit(
        *train,
        held_out,
        batch_size=batch_size,
        out=out,
        resume=resume,
        observers=observers(out, tensorboard),
        **recipe,
    )
    report(translator.summary_, out, f'minigen translate {out} "..."')


@use_app.command()
def translate(
    folder: Folder,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="A sentence; else --file, or what is piped in.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A UTF-8 file, one sentence a line.")] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Beginnings that are kept; 1 is greedy and quick.")] = 4,
    length_penalty: Annotated[float, typer.Option(help="Larger is longer; 0 is none.")] = 1.0,
    num_best: Annotated[
        int, typer.Option(min=1, help="Above 1: as many lines a sentence: its number, score, text.")
    ] = 1,
    device: Device = None,
) -> None:
    """Translate with a trained model: one line out for each line in.

    Example: minigen translate runs/software --file english.txt > french.txt
    """
    from minigen.beam_search import BeamConfig
    from minigen.estimators import Translator

    config = BeamConfig(beam_size, length_penalty, num_best)
    translator, lines = Translator.load(folder, device), read_lines(text, file, "translate")
    found = translator.candidates(lines, config, progress=len(lines) > 1)
    for number, candidates in enumerate(found, start=1):
        for translation, score in candidates:
            typer.echo(translation if num_best == 1 else f"{number}\t{score:.4f}\t{translation}")
