"""What a newcomer types first: `minigen demo`, and `minigen doctor` where something is wrong."""

from pathlib import Path
from typing import Annotated

import typer

from minigen.cli.options import Device

start_app = typer.Typer()

DEMO = Path("runs/demo")


@start_app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = DEMO,
    minutes: Annotated[
        float, typer.Option(help="Of training the writer; the translator gets half, the classifier a third.")
    ] = 1.0,
    device: Device = None,
) -> None:
    """Train three small Transformers in some two and a half minutes: one writes, one translates, one classifies.

    Example: minigen demo --minutes 0.5
    """
    from minigen.cli.tasks import refuse_used
    from minigen.demo import run

    if out != DEMO:  # which is made anew each time
        refuse_used(out, resume=False)
    run(out, minutes, device)


@start_app.command()
def doctor() -> None:
    """Check this machine and environment, and say what to mend.

    Example: minigen doctor
    """
    from minigen.doctor import main as diagnose

    raise typer.Exit(diagnose())
