"""`minigen train classify` and `minigen classify`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from minigen.cli.options import (
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

LABELLED = "columns text and label (.tsv .csv .jsonl .parquet), a folder, a name (minigen data list), hub:owner/name"


@train_app.command("classify")
def train_classify(
    data: Annotated[str, typer.Option(help=f"Texts with labels: a file with {LABELLED}.")],
    out: Out,
    valid: Annotated[
        str | None, typer.Option(help="Texts to watch the training by; without it, a tenth of a file is held out.")
    ] = None,
    preset: Annotated[str, typer.Option(help="tiny, laptop or gpu: size and recipe.")] = "laptop",
    tokenizer: Annotated[str, typer.Option(help="char, byte or bpe: characters, bytes, or learned pieces.")] = "bpe",
    vocab_size: Annotated[int, typer.Option(help="Tokens of a bpe tokenizer.")] = 8000,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Let each class count the same, however many texts it has.")
    ] = False,
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
    """Train a classifier on texts with labels; accuracy and F1 of the held-out ones come at the end.

    Example: minigen train classify --data rotten_tomatoes --out runs/films

    Of your own: minigen train classify --data texts.csv --valid held_out.csv --out runs/mine --minutes 4
    """
    from minigen.estimators import TextClassifier
    from minigen.presets import CLASSIFICATION_PRESETS, find_preset

    recipe = {"steps": steps, "epochs": epochs, "minutes": minutes, "learning_rate": learning_rate}
    refuse_used(out, resume)
    check(find_preset(preset, CLASSIFICATION_PRESETS), device, recipe)
    train, held_out = read_training(data, valid, TextClassifier.columns)
    classifier = TextClassifier(preset, tokenizer, vocab_size, "balanced" if balanced else None, seed, device)
    classifier.fit(
        *train,
        held_out,
        batch_size=batch_size,
        out=out,
        resume=resume,
        observers=observers(out, tensorboard),
        **recipe,
    )
    report(classifier.summary_, out, f'minigen classify {out} "..."')


@use_app.command()
def classify(
    folder: Folder,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="A text; else --file, or what is piped in.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A UTF-8 file, one text a line.")] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="The probability of each class, as a JSON object a line.")
    ] = False,
    device: Device = None,
) -> None:
    """Name the class of texts with a trained model: one line out for each line in.

    Example: minigen classify runs/films --file reviews.txt > labels.txt
    """
    from minigen.estimators import TextClassifier

    classifier, lines = TextClassifier.load(folder, device), read_lines(text, file, "classify")
    names = [" ".join(str(label).split()) for label in classifier.classes_]  # a label is one line too
    for row in classifier.predict_proba(lines, progress=len(lines) > 1):
        probabilities = {name: round(float(p), 6) for name, p in zip(names, row, strict=True)}
        typer.echo(json.dumps(probabilities, ensure_ascii=False) if proba else names[row.argmax()])
