"""The table of `minigen check`: what is done, what is wrong and why, what comes next."""

from collections.abc import Iterator, Sequence

from minigen.checks.failure import wrap
from minigen.checks.launch import Result

MARKS = {"done": "✓", "wrong": "✗", "todo": "○"}
COLOURS = {"done": "green", "wrong": "red", "todo": "bright_black"}
WIDTH = 24  # of the bar
CHEERS = ((1.0, "All done."), (0.75, "Nearly there."), (0.5, "More than half."), (0.01, "Well begun."), (0.0, ""))

Line = tuple[str, str | None]  # text, colour


def points(results: Sequence[Result]) -> tuple[int, int]:
    """Points earned, and points in all."""
    return sum(r.points for r in results if r.status == "done"), sum(r.points for r in results)


def bar(done: int, total: int) -> str:
    """A bar of blocks, filled as far as the work is done."""
    full = round(WIDTH * done / total) if total else 0
    return "█" * full + "░" * (WIDTH - full)


def set_lines(name: str, results: Sequence[Result], new: Sequence[str] = ()) -> Iterator[Line]:
    """The table of one set: a line a task, what is wrong under it, and the way to go."""
    earned, total = points(results)
    yield f"{name.replace('_', ' · ', 1).replace('_', ' ')}", "bold"
    wide = max(len(result.id) for result in results)
    for result in results:
        stars = "★" * result.difficulty + "☆" * (3 - result.difficulty)
        state = {"done": "", "todo": "to do", "wrong": result.key}[result.status]
        state = "new!" if result.id in new else state
        head = f"  {MARKS[result.status]} {result.id:{wide}}  {result.title:<38.38}  {stars}"
        yield f"{head}  {result.minutes:>3} min  {result.points:>2} p  {state}".rstrip(), COLOURS[result.status]
        if result.status == "wrong":
            yield from ((f"      {line}", None) for line in wrap(result.message)[:14])
    done = sum(result.status == "done" for result in results)
    cheer = next(text for share, text in CHEERS if done / len(results) >= share)
    yield (
        f"  {bar(earned, total)}  {earned} of {total} points, {done} of {len(results)} tasks. {cheer}".rstrip(),
        "bold",
    )
    yield from next_lines(results)


def next_lines(results: Sequence[Result]) -> Iterator[Line]:
    """What to do next: mend what is wrong, else the next task."""
    open_ones = [result for result in results if result.status != "done"]
    if not open_ones:
        return
    ahead = next((result for result in open_ones if result.status == "wrong"), open_ones[0])
    minutes = sum(result.minutes for result in open_ones)
    yield f"  Next: {ahead.id}, {ahead.title.lower()}. About {minutes} minutes to the end of this set.", None


def overview_lines(sets: dict[str, Sequence[Result]]) -> Iterator[Line]:
    """All sets: a bar for each, and the sum."""
    wide = max(map(len, sets))
    for name, results in sets.items():
        earned, total = points(results)
        wrong = ", ".join(f"{r.id} {r.key}" for r in results if r.status == "wrong")
        done = sum(result.status == "done" for result in results)
        colour = "red" if wrong else "green" if done == len(results) else None
        text = (
            f"  {name:{wide}}  {bar(earned, total)}  {earned:>3} of {total:>3} points  {done} of {len(results)} tasks"
        )
        yield f"{text}  {wrong}".rstrip(), colour
    everything = [result for results in sets.values() for result in results]
    earned, total = points(everything)
    yield f"  {'all':{wide}}  {bar(earned, total)}  {earned:>3} of {total:>3} points", "bold"
