"""The commands that use a trained model: `minigen generate`, `minigen evaluate`."""

import itertools
import json
import warnings
from typing import Annotated

import typer

from minigen.cli.options import MAX_SEED, Device, Folder, Measured
from minigen.cli.tasks import read_rows

use_app = typer.Typer()


@use_app.command("generate")
def generate_text(
    folder: Folder,
    prompt: Annotated[
        str | None, typer.Option(help="What the text begins with; \\n is a new line, the default.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=0, help="How many tokens to write.")] = 300,
    temperature: Annotated[float, typer.Option(help="0 is always the likeliest token; 1 is as learned.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest tokens alone.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the fewest tokens with this share.")] = None,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1, used tokens become less likely.")] = 1.0,
    stop: Annotated[str | None, typer.Option(help="End before this text.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="Same seed, same text.")] = None,
    device: Device = None,
) -> None:
    """Let a trained model go on with a text.

    Example: minigen generate runs/plays --prompt "ROMEO:\\n" --seed 1
    """
    from minigen.estimators import TextGenerator
    from minigen.estimators.writing import usual_prompt

    generator = TextGenerator.load(folder, device)
    given = prompt is not None
    prompt = prompt.replace("\\n", "\n") if given else usual_prompt(generator.tokenizer_)
    pieces = generator.stream(
        prompt,
        max_new_tokens,
        seed=seed,
        stop=stop.replace("\\n", "\n") if stop else None,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
    )
    last = ""
    # Of a prompt that nobody gave, an empty line would only puzzle.
    for piece in itertools.chain([prompt if given else prompt.strip()], pieces):
        typer.echo(piece, nl=False)
        last = piece or last
    if last and not last.endswith("\n"):
        typer.echo()


@use_app.command()
def evaluate(
    folder: Folder,
    data: Measured,
    split: Annotated[
        str, typer.Option(help="Split of a folder or of data by name; a file is measured whole.")
    ] = "test",
    device: Device = None,
) -> None:
    """Measure a trained model on held-out data; prints JSON.

    Example: minigen evaluate runs/plays --data shakespeare
    """
    from minigen.estimators import load_estimator

    estimator = load_estimator(folder, device)
    columns = read_rows(data, estimator.columns, split).values()
    if estimator.saw(*columns):
        warnings.warn("the model was trained on this: the numbers say nothing about what is new to it", stacklevel=2)
    typer.echo(json.dumps(estimator.report(*columns), indent=2))
