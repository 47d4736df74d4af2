"""The command line of `codat-commerce`."""

from __future__ import annotations

import logging
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from tap_codat_commerce.codat import answers
from tap_codat_commerce.codat.client import user_agent
from tap_codat_commerce.codat.errors import CodatError
from tap_codat_commerce.singer import stdio
from tap_codat_commerce.singer.command import defect
from tap_codat_commerce.singer.errors import InputError, NoReaderError, OutputError, SettingsError
from tap_codat_commerce.workflow import check as checking
from tap_codat_commerce.workflow import connect as connecting
from tap_codat_commerce.workflow import enable as enabling
from tap_codat_commerce.workflow import findings, in_force, show
from tap_codat_commerce.workflow import refresh as refreshing
from tap_codat_commerce.workflow import status as looking
from tap_codat_commerce.workflow.polling import Polling
from tap_codat_commerce.workflow.session import DATA_TYPES, Session, UsageError, data_type_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable


NO_READER = 128 + 13
"""The exit code of a command whose pipe was closed, as a shell gives it."""


class Group(click.Group):
    """Commands whose errors are one line each, not a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; end with 1 and a line for each problem."""
        try:
            stdio.prepare()
            try:
                return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except SettingsError as exc:
            lines = exc.problems
        except NoReaderError:
            sys.exit(NO_READER)  # as every command ends in `… | head`
        except (CodatError, InputError, OutputError, UsageError) as exc:
            lines = [str(exc)]
        except UnicodeEncodeError:
            lines = ["what was given holds bytes that are no text in UTF-8"]
        except Exception as exc:
            logging.getLogger(__name__).debug("Where that happened:", exc_info=exc)
            lines = [defect(exc)]
        for line in lines:
            show.note(f"Error: {line}")
        sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C ends it without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(130)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", multiple=True, help="JSON file.")
@click.version_option(user_agent().partition("/")[2] or "unknown", prog_name="codat-commerce")
@click.pass_context
def main(ctx: click.Context, config: tuple[str, ...]) -> None:
    """The steps before commerce data flows from Codat: enable, connect, status, refresh; and check.

    The settings are those of tap-codat-commerce: from the environment, as TAP_CODAT_COMMERCE_API_KEY, also in a file
    .env, or from --config.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    ctx.obj = config


def with_session(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its session; not before it runs, so that help needs no key."""

    @click.pass_obj
    @wraps(command)
    def run(config: tuple[str, ...], *args: Any, **kwargs: Any) -> Any:
        return command(Session.of(config), *args, **kwargs)

    return run


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def data_type_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --data-type."""
    text = "Only these, for example orders or commerce-orders; all if not given."
    return click.option("--data-type", "-t", "data_types", multiple=True, help=text)(command)


def polling_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options --interval and --timeout."""
    often = click.option(
        "--interval",
        type=click.FloatRange(0.1),
        default=5,
        show_default=True,
        help="Seconds to the second look; then the pauses grow.",
    )
    long = click.option(
        "--timeout", type=click.FloatRange(0), default=3600, show_default=True, help="Seconds after which to give up."
    )
    return often(long(command))


@main.command()
@click.option("--schedule", type=click.IntRange(0), help="Hours between syncs, 0 for none; as it is if not given.")
@click.option("--company", "company", help="This company's own settings, by id or name; else the client's.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@json_option
@with_session
def enable(session: Session, *, schedule: int | None, company: str | None, dry_run: bool, as_json: bool) -> None:
    """Have Codat fetch the commerce data types when a shop is linked.

    Changes only those, and nothing when asked twice. Ends with 1 if a setting is locked.
    """
    company_id = session.companies([company])[0]["id"] if company else None
    settings = enabling.SyncSettings(session.prefetcher, company_id)
    changes = settings.changes(schedule)
    needed = [c for c in changes if c.needed and not c.locked]
    locked = [c for c in changes if c.locked]
    if needed and not dry_run:
        settings.save(changes)
    if as_json:
        owner = {"companyId": company_id} if company_id else {}
        listed = {"changed": needed, "locked": locked, "unchanged": [c for c in changes if not c.needed]}
        show.as_json({**owner, "dryRun": dry_run, **{k: [c.as_json() for c in v] for k, v in listed.items()}})
    else:
        show.table(("data type", "fetched when linked", "synced again", ""), [c.cells() for c in changes])
        would = "would be" if dry_run else "were"
        show.note(f"{len(needed)} settings {would} changed." if needed else "Nothing to change.")
        if once := sum(c.is_fetched_once for c in changes):
            show.note(f"{once} data types are fetched once, when a shop is linked. With --schedule 24: again each day.")
    if locked:
        names = ", ".join(c.data_type for c in locked)
        msg = f"{len(locked)} settings are locked, and were left as they are: {names}. Ask Codat to unlock them."
        raise UsageError(msg)


@main.command()
@click.argument("name", required=False)
@click.option("--platform", help="By key or name, for example ltpp or WooCommerce.")
@click.option("--company", help="Add the connection to this company, by id or name, instead of making one.")
@click.option("--description", help="Of the new company, for example an id of your own.")
@click.option("--again", is_flag=True, help="Make a company even if there is one of that name.")
@json_option
@with_session
def connect(  # noqa: PLR0913 - one parameter for each option
    session: Session,
    *,
    name: str | None,
    platform: str | None,
    company: str | None,
    description: str | None,
    again: bool,
    as_json: bool,
) -> None:
    """Make the company NAME and its connection, and print the link for its merchant."""
    name = name.strip() if name else name
    if not platform or (not name and not company) or (name is not None and company):
        msg = (
            "give the NAME of a new company, or an existing one with --company, and the platform of its shop: "
            "`codat-commerce connect NAME --platform KEY_OR_NAME`"
        )
        raise UsageError(msg)
    chosen = connecting.platform(session.prefetcher, platform)
    if name:
        if not again:
            connecting.refuse_twin(session, name, chosen.key, description)
        owner = connecting.company(session.prefetcher, name, description)
        if (kept := answers.text(owner, "name")) != name:
            note = "" if description else " The whole name is its description."
            show.note(f"Warning: of the name {name!r} Codat keeps {(kept or 'nothing')!r}.{note}")
    else:
        owner = session.companies([str(company)])[0]
    if owner.get("products") == []:
        show.note(
            "Warning: Codat lists no product for this company. Where an account works with products, Codat fetches "
            "nothing for it until one, for example Lending, is turned on: Codat Portal, the company's page."
        )
    made = connecting.connection(session.prefetcher, owner, chosen.key, just_made=not company)
    outcome = {
        "company": name_of(owner),
        "companyId": owner["id"],
        "platform": chosen.name,
        "connectionId": made.get("id"),
        "status": answers.text(made, "status"),
        "link": link if (link := answers.text(made, "linkUrl")).startswith(("https://", "http://")) else "",
    }
    if as_json:
        show.as_json(outcome)
        return
    labels = ("company", "company id", "platform", "connection id", "status", "link")
    for label, value in zip(labels, outcome.values(), strict=True):
        show.result(f"{label + ':':<15}{value}")
    who = "Open the link yourself" if chosen.key == connecting.SANDBOX else "Have the merchant open the link"
    show.note(f"{who}; `codat-commerce status --watch` shows when the data is there.")


@main.command()
@click.argument("companies", nargs=-1)
@data_type_option
@click.option("--details", is_flag=True, help="Show each data set.")
@click.option("--not-ready", is_flag=True, help="Show only what is not ready.")
@click.option("--links", is_flag=True, help="Show the links by which merchants authorise: for them alone.")
@click.option("--watch", is_flag=True, help="Look again and again, until all is ready.")
@polling_option
@json_option
@with_session
def status(  # noqa: PLR0913 - one parameter for each option
    session: Session,
    *,
    companies: tuple[str, ...],
    data_types: tuple[str, ...],
    details: bool,
    not_ready: bool,
    links: bool,
    watch: bool,
    interval: float,
    timeout: float,
    as_json: bool,
) -> None:
    """Show where COMPANIES (by id or name; all if none is given) and their data sets stand.

    Ends with 0 only if all is ready: synced well, or not offered by the platform. Where a company has several shops,
    the status of a data set is that of whichever was synced last.
    """
    types = {data_type_of(t) for t in data_types} or set(DATA_TYPES.values())
    polling = Polling(interval, timeout)
    shown = looking.Shown(as_json=as_json, details=details, links=links, not_ready=not_ready, watch=watch)
    watched = looking.Watched()
    while True:
        lines = list(looking.lines(session, session.companies(companies), types, watched))
        ready = bool(lines) and all(line.is_ready for line in lines) and not session.unreadable
        last = ready or polling.over or not watch
        gaps = session.gaps or ["No company falls to this shard: see shard_index and shard_count."]
        shown.show(lines, last=last, gaps=gaps)
        if last:
            break
        polling.pause()
    if watch and lines and not ready:
        msg = f"not all was ready within {timeout:g} seconds"
        raise UsageError(msg)
    if not lines and session.unreadable:
        msg = "no company can be read; report this to Codat"
        raise UsageError(msg)
    if not lines:
        raise UsageError(gaps[0])
    sys.exit(0 if ready else 1)


@main.command()
@click.argument("companies", nargs=-1)
@data_type_option
@click.option("--connection", help="Only over this connection, by its id.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the syncs have ended.")
@polling_option
@json_option
@with_session
def refresh(  # noqa: PLR0913 - one parameter for each option
    session: Session,
    *,
    companies: tuple[str, ...],
    data_types: tuple[str, ...],
    connection: str | None,
    wait: bool,
    interval: float,
    timeout: float,
    as_json: bool,
) -> None:
    """Have Codat fetch the data sets of COMPANIES (by id or name; all if none is given) anew, over linked connections.

    Ends with 0 only if all syncs were queued, and ended well if they were waited for.
    """
    types = [data_type_of(t) for t in data_types] or list(DATA_TYPES.values())
    linked = refreshing.connections(session, session.companies(companies), connection)
    if not linked:
        msg = "there is no linked connection to sync; see `codat-commerce status`"
        raise UsageError(msg)
    pulls = [refreshing.Pull(company, ref, data_type) for company, ref in linked for data_type in types]
    refreshing.queue(session, pulls)
    for pull in pulls:
        if pull.note:
            how = f" ({pull.shown})" if pull.id else ""
            show.note(f"{pull.where}: {pull.note}{how}.")
    lacking = sum(p.is_not_offered for p in pulls)
    refused = sum(p.id is None and p.refused for p in pulls)
    more = f"; not offered by the platform: {lacking}" if lacking else ""
    more += f"; kept back by other syncs: {refused}" if refused else ""
    wanted = len(pulls) - lacking
    show.note(f"{sum(p.id is not None for p in pulls)} of {wanted} syncs are queued or under way{more}.")
    if wait:
        refreshing.wait_for(session, pulls, Polling(interval, timeout))
    if as_json:
        show.as_json([p.as_json() for p in pulls])
    failed = [p for p in pulls if p.id is None and not p.is_not_offered]
    failed += [p for p in pulls if wait and p.id is not None and not p.good]
    if failed:
        names = "; ".join(f"{p.where} ({p.shown})" for p in failed[:10])
        more = f"; and {len(failed) - 10} more" if len(failed) > 10 else ""  # noqa: PLR2004
        msg = f"{len(failed)} did not end well: {names}{more}"
        raise UsageError(msg)


@main.command()
@json_option
@with_session
def check(session: Session, *, as_json: bool) -> None:
    """Find out whether Codat is as this tap assumes: with your key, on your data, by less than twenty requests.

    What is printed holds no key, id or name, and can be pasted into an issue. Ends with 0 if nothing is 'no', and no
    look failed.
    """
    findings.name_nobody()
    looking_into = checking.Check(session)
    try:
        looking_into.look()
    finally:
        if as_json:
            show.as_json(looking_into.findings.as_json())
        else:
            for line in (f"{user_agent()}, {session.client.requests} requests", *looking_into.findings.lines()):
                click.echo(line)
    sys.exit(0 if looking_into.findings.all_well else 1)


@main.command()
@json_option
@click.pass_obj
def settings(files: tuple[str, ...], *, as_json: bool) -> None:
    """Show each setting in force, and where it comes from; the key is not shown.

    Ends with 1 if one is bad.
    """
    in_force.show_settings(files, as_json=as_json)


if __name__ == "__main__":
    main()
