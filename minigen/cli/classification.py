"""`minigen train classify` and `minigen classify`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from minigen.cli.tasks import check, observers, read_lines, read_rows, read_training, refuse_used, report
from minigen.cli.train import train_app
from minigen.cli.use import use_app

if TYPE_CHECKING:
    from minigen.estimators import FineTuning
    from minigen.presets import ClassificationPreset

LABELLED = "columns text and label (.tsv .csv .jsonl .parquet), a folder, a name (minigen data list), hub:owner/name"

TokenizerName = Annotated[str, typer.Option(help="char, byte, bpe or word: characters, bytes, pieces, whole words.")]
VocabSize = Annotated[int, typer.Option(help="Tokens of a bpe or word tokenizer.")]
Unlabelled = Annotated[
    str | None, typer.Option(help="More texts, a file or a name: the preset vectors learns from them what words mean.")
]
Pretrained = Annotated[
    str | None, typer.Option(help="Go on from the weights of a BERT: minilm, a folder, or hub:owner/name.")
]
Adaptation = Annotated[str | None, typer.Option(help="How they are adapted: full (the default), lora, or frozen.")]
Balanced = Annotated[bool, typer.Option("--balanced", help="Let each class count the same, however many texts it has.")]


@train_app.command("classify")
def train_classify(
    data: Annotated[str, typer.Option(help=f"Texts with labels: a file with {LABELLED}.")],
    out: Out,
    valid: Annotated[
        str | None, typer.Option(help="Texts to watch the training by; without it, a tenth of a file is held out.")
    ] = None,
    preset: Annotated[str, typer.Option(help="tiny, laptop, vectors or gpu: size and recipe.")] = "laptop",
    tokenizer: TokenizerName = "bpe",
    vocab_size: VocabSize = 8000,
    unlabelled: Unlabelled = None,
    pretrained: Pretrained = None,
    adaptation: Adaptation = None,
    balanced: Balanced = False,
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

    More texts without labels: minigen train classify --data rotten_tomatoes --out runs/more --preset vectors
    --tokenizer word --vocab-size 30000 --unlabelled imdb

    Pretrained: minigen train classify --data rotten_tomatoes --out runs/minilm --pretrained minilm --adaptation lora

    Of your own: minigen train classify --data texts.csv --valid held_out.csv --out runs/mine --minutes 4
    """
    from minigen.estimators import TextClassifier

    recipe = {"steps": steps, "epochs": epochs, "minutes": minutes, "learning_rate": learning_rate}
    refuse_used(out, resume)
    chosen = _preset(preset, pretrained, adaptation)
    check(_find(chosen), device, recipe)
    train, held_out = read_training(data, valid, TextClassifier.columns)
    more = () if unlabelled is None else read_rows(unlabelled, ("text",), "train")["text"]
    classifier = TextClassifier(chosen, tokenizer, vocab_size, "balanced" if balanced else None, seed, device)
    session = {"batch_size": batch_size, "out": out, "resume": resume, "observers": observers(out, tensorboard)}
    classifier.fit(*train, held_out, more, **session, **recipe)
    report(classifier.summary_, out, f'minigen classify {out} "..."')


def _preset(name: str, pretrained: str | None, adaptation: str | None) -> "str | FineTuning":
    """What the options choose: a preset of the package, or pretrained weights and how they are adapted."""
    from minigen.estimators import FineTuning

    if pretrained is not None:
        return FineTuning(pretrained, adaptation or "full")
    if adaptation is not None:
        raise ValueError("--adaptation says how pretrained weights are adapted: give --pretrained too, as in minilm")
    return name


def _find(preset: "str | FineTuning") -> "ClassificationPreset | FineTuning":
    from minigen.presets import CLASSIFICATION_PRESETS, find_preset

    return find_preset(preset, CLASSIFICATION_PRESETS)


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
