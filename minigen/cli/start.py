"""What a newcomer types first: `minigen demo`, and `minigen doctor` where something is wrong."""

from pathlib import Path
from typing import Annotated

import typer

from minigen.cli.options import Device

start_app = typer.Typer()


@start_app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("runs/demo"),
    minutes: Annotated[float, typer.Option(help="Minutes of training.")] = 1.0,
    device: Device = None,
) -> None:
    """Train a small GPT on Shakespeare's plays for about a minute, and let it write."""
    from minigen.demo import run

    run(out, minutes, device)


@start_app.command()
def doctor() -> None:
    """Check this machine and environment, and say what to mend."""
    from minigen.doctor import main as diagnose

    raise typer.Exit(diagnose())
