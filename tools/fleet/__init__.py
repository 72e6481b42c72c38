"""`onecard fleet`: cinemas in virtual time, from a seed, over the product's own code (docs/simulation.md)."""

from __future__ import annotations

import json
import sys
import time

import click

from tools.fleet.faults import Fault
from tools.fleet.report import words


@click.command()
@click.option("--seed", type=int, required=True, help="Everything that happens follows from it.")
@click.option("--taps", type=click.IntRange(min=1), default=2_000, show_default=True, help="Presentations of cards.")
@click.option(
    "--sites", type=click.IntRange(min=1), default=8, show_default=True, help="Cinemas, each of 1 to 3 tills."
)
@click.option("--cards", type=click.IntRange(min=0), default=0, help="Cards; one for each 20 taps when not given.")
@click.option(
    "--faults",
    default="all",
    show_default=True,
    help="What may go wrong: all, none, or kinds with commas between them.",
)
@click.option("--harsh", is_flag=True, help="Each fault as often as any seed may draw it.")
@click.option("--off", multiple=True, metavar="RULE", help="A rule that does not hold in this run; may be given again.")
@click.option(
    "--shrink/--no-shrink", default=True, help="Of a run that fails, look for a smaller one, and tell its end."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
def command(
    seed: int,
    taps: int,
    sites: int,
    cards: int,
    faults: str,
    *,
    off: tuple[str, ...],
    harsh: bool,
    shrink: bool,
    as_json: bool,
) -> None:
    """Simulate a fleet, and check that no fen is lost. Exit code 1 when an invariant does not hold."""
    from tools.fleet.rules import Rule, without  # noqa: PLC0415
    from tools.fleet.shrink import Shrinker, told  # noqa: PLC0415
    from tools.fleet.world import Plan, simulate  # noqa: PLC0415 - the firmware's packages are needed only from here

    plan = Plan(seed, taps, sites, _kinds(faults), cards, harsh)
    unknown = [name for name in off if name not in Rule.__members__]
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}; allowed are {', '.join(Rule.__members__)}", param_hint="--off")
    within = without(*(Rule[name] for name in off))
    report = simulate(plan, time.process_time, within)
    if as_json:
        click.echo(json.dumps(report.figures()))
    else:
        for name, figure in report.figures().items():
            click.echo(f"{name:>18} {figure}")
    for line in words(report.violations)[:20]:
        click.echo(line, err=True)
    if report.violations and shrink:
        shrunk = Shrinker(lambda smaller: simulate(smaller, time.process_time, within)).shrink(plan, report)
        click.echo("\n".join(told(shrunk)), err=True)
    sys.exit(1 if report.violations else 0)


def _kinds(named: str) -> tuple[Fault, ...]:
    if named in ("all", "none"):
        return tuple(Fault) if named == "all" else ()
    by_label = {kind.label: kind for kind in Fault}
    unknown = [label for label in named.split(",") if label not in by_label]
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)}; allowed are all, none, {', '.join(by_label)}", param_hint="--faults"
        )
    return tuple(by_label[label] for label in named.split(","))
