"""The command line. Every command's --help says what to type next.

A command is a file's function; what brings torch is imported when a command runs, so that --help is quick.
"""

import logging
import sys
import warnings
from typing import Annotated

import typer

from minigen import __version__
from minigen.cli.autoencoding import interpolate, reconstruct, sample, train_vae
from minigen.cli.classification import classify, train_classify
from minigen.cli.data import data_app
from minigen.cli.exercises import exercises_app
from minigen.cli.grading import grading_app
from minigen.cli.start import start_app
from minigen.cli.train import train_app
from minigen.cli.translation import train_translate, translate
from minigen.cli.use import use_app

__all__ = [
    "app",
    "classify",
    "interpolate",
    "main",
    "reconstruct",
    "sample",
    "train_classify",
    "train_translate",
    "train_vae",
    "translate",
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train_app, name="train")
app.add_typer(use_app)  # without a name: its commands are minigen's own
app.add_typer(data_app, name="data")
app.add_typer(start_app)
app.add_typer(exercises_app)
app.add_typer(grading_app)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"minigen {__version__}")
        raise typer.Exit


@app.callback()
def minigen(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, use and measure small Transformers. New here? Type: minigen demo"""


def main() -> None:
    """Runs the command line; an error that the user can mend is one line, without a stack trace."""
    warnings.showwarning = _show_warning
    logger = logging.getLogger("minigen")
    logger.handlers = [_ToStderr()]
    logger.setLevel(logging.INFO)
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
    finally:
        logger.handlers.clear()


def _fail(error: Exception) -> None:
    # An OSError that minigen raised has its sentence here; str() would put the number of the error before it.
    own = isinstance(error, OSError) and error.strerror and not error.filename
    typer.secho(f"error: {error.strerror if own else error}", fg="red", err=True)
    sys.exit(1)


class _ToStderr(logging.Handler):
    """What the package logs, as a line between the results on stdout."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.secho(record.getMessage(), err=True)


def _show_warning(message: Warning | str, *_: object) -> None:
    typer.secho(f"warning: {message}", fg="yellow", err=True)
