"""What all commands share: settings, requests to Codat, and how companies and data types are named."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_codat_commerce.codat import answers
from tap_codat_commerce.codat.prefetcher import Prefetcher
from tap_codat_commerce.settings import NAMES, Settings
from tap_codat_commerce.singer.environment import env_file
from tap_codat_commerce.singer.errors import SettingsError
from tap_codat_commerce.singer.inputs import read_object
from tap_codat_commerce.streams import DATA_SETS
from tap_codat_commerce.sync.company_selection import CompanySelection
from tap_codat_commerce.sync.data_status import DataStatuses
from tap_codat_commerce.tap import TapCodatCommerce

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tap_codat_commerce.codat.client import Client
    from tap_codat_commerce.singer.environment import Environment
    from tap_codat_commerce.sync.options import SyncOptions

DATA_TYPES = {data_set.name: data_set.data_type for data_set in DATA_SETS}
"""Codat's key of each commerce data type, by the name of its stream."""


class UsageError(Exception):
    """The command can't be done; the message is one line that says what to do."""


@dataclass
class Session:
    """The settings, and what makes requests by them.

    Attributes:
        gaps: what the settings ask for and was not there when companies were asked for last.
        unreadable: which companies and connections could not be read then.
        refused: the parameters that the history of pull operations does not take.
    """

    settings: Settings
    gaps: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, files: Sequence[str]) -> Session:
        """Read the settings that commands use: not those of streams, which Meltano hands over in a form of its own.

        Raises:
            InputError: a file can't be read.
            SettingsError: a setting is bad.
        """
        found = given(files, NAMES)
        config = found.config
        if problems := found.problems + TapCodatCommerce.settings_problems(config):
            raise SettingsError(problems)
        return cls(Settings.of(config))

    @cached_property
    def client(self) -> Client:
        """Codat."""
        return self.settings.client()

    @cached_property
    def prefetcher(self) -> Prefetcher:
        """The prefetcher, through which all requests go."""
        return Prefetcher(self.client, self.settings.sync.max_concurrent_requests)

    @cached_property
    def statuses(self) -> DataStatuses:
        """The data status of companies."""
        return DataStatuses(self.prefetcher)

    def selection(self, options: SyncOptions | None = None) -> CompanySelection:
        """Return the selection of companies and connections by the settings."""
        return CompanySelection(
            self.prefetcher, options or self.settings.sync, logging.getLogger(__name__), self._note_unreadable
        )

    def companies(self, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """Return the companies with these ids or names; if none is given, all that the settings ask for.

        Raises:
            UsageError: there is no such company, or several of that name.
            CodatError: a request failed.
        """
        ids = [str(uuid.UUID(w)) for w in wanted if _is_uuid(w)]
        only_ids = bool(wanted) and len(ids) == len(wanted)
        selection = self.selection(replace(self.settings.sync, company_ids=tuple(ids)) if only_ids else None)
        self.unreadable.clear()
        companies = [selection.company(raw) for raw in selection.companies()]
        self.gaps = list(selection.gaps.lines())
        return [_find_company(name, companies) for name in wanted] if wanted else companies

    def _note_unreadable(self, where: str, why: str, *_: str) -> None:
        logging.getLogger(__name__).warning("%s can't be read: %s.", where, why)
        self.unreadable.append(where)


class Given(NamedTuple):
    """The settings that were given.

    Attributes:
        config: all of them.
        origins: of each, where it comes from, for people.
        of_files: those of the files alone.
        variables: the environment, `.env` included.
        problems: a line for each variable that is not of its setting's type, or of no setting.
    """

    config: dict[str, Any]
    origins: dict[str, str]
    of_files: dict[str, Any]
    variables: Environment
    problems: list[str]


def given(files: Sequence[str], names: Collection[str] | None = None) -> Given:
    """Return the settings that were given.

    Later files override earlier ones; the environment, and `.env`, override all files.

    Args:
        files: the files, with JSON objects.
        names: of the settings that are wanted; all if None. What is no setting is among them all the same.

    Raises:
        InputError: a file can't be read.
    """
    prefix = TapCodatCommerce._env_var_prefix  # noqa: SLF001 - the SDK's
    variables = TapCodatCommerce.environment(env_file(prefix))
    known = TapCodatCommerce.config_jsonschema["properties"].keys()
    left_out = known - names if names is not None else set()
    of_files: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for file in files:
        found = {k: v for k, v in read_object("--config", file).items() if k not in left_out}
        of_files |= found
        origins |= dict.fromkeys(found, file)
    found, problems = variables.read(names)
    origins |= {name: variables.origin(name) for name in found}
    return Given(of_files | found, origins, of_files, variables, problems)


def data_type_of(name: str) -> str:
    """Return Codat's key of a data type: given by that key, by the key without prefix, or by its stream's name.

    Raises:
        UsageError: there is none.
    """
    names = {**DATA_TYPES, **{t: t for t in DATA_TYPES.values()}}
    names |= {short(t): t for t in DATA_TYPES.values()}
    folded = {n.casefold(): t for n, t in names.items()}
    if data_type := folded.get(name.casefold()):
        return data_type
    near = get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(DATA_TYPES)}."
    msg = f"{name!r} is no commerce data type; {hint}"
    raise UsageError(msg)


def name_of(company: dict[str, Any]) -> str:
    """Return what a company is called; Codat keeps nothing of a name in other than Latin letters."""
    return answers.words(company.get("name")) or answers.words(company.get("description")) or str(company["id"])


def platform_of(connection: Mapping[str, Any]) -> str:
    """Return what a connection's platform is called."""
    return answers.words(connection.get("platformName")) or "a shop"


def names_of(company: dict[str, Any]) -> set[str]:
    """Return what a company may be called, in small letters: its description may hold the name that was given."""
    given = (company.get("name"), company.get("description"))
    return {text.strip().casefold() for text in given if isinstance(text, str) and text.strip()}


def short(data_type: str) -> str:
    """Return the key of a data type without the prefix that all of them have."""
    return data_type.removeprefix("commerce-")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _find_company(wanted: str, companies: list[dict[str, Any]]) -> dict[str, Any]:
    if _is_uuid(wanted):
        matches = [c for c in companies if c["id"] == str(uuid.UUID(wanted))]
    else:
        matches = [c for c in companies if wanted.strip().casefold() in names_of(c)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = ", ".join(c["id"] for c in matches)
        msg = f"company {wanted!r}: there are {len(matches)} of that name; give one of these ids: {ids}"
        raise UsageError(msg)
    near = get_close_matches(wanted, set(map(name_of, companies)), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`codat-commerce status` lists them."
    msg = f"company {wanted!r}: there is none of that id or name among those that the settings ask for; {hint}"
    raise UsageError(msg)
