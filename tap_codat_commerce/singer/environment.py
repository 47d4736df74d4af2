"""Settings from the environment and the file `.env`; and what is given there and not used, which is said."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv.parser import parse_stream

from tap_codat_commerce.records.fields import alternatives
from tap_codat_commerce.singer.errors import InputError, SettingsError, did_you_mean
from tap_codat_commerce.singer.inputs import KINDS, parsed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tap_codat_commerce.records.fields import Schema

FILE = ".env"
TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
LOG_LEVEL = "LOGLEVEL"
OTHERS = re.compile(r"_.*|LOGLEVEL|SERVICE_(HOST|PORT)(_.*)?|PORT(_\d.*)?")
"""Variables of ours that are no settings: Meltano's, the SDK's log level, Kubernetes's for a service of that name."""


def env_file(prefix: str) -> dict[str, str]:
    """Return the variables of the file `.env` in the current folder, each as it stands there: nothing is put in.

    Args:
        prefix: of our own, of which each line has to be readable; what else the file holds is for others.

    Raises:
        InputError: it can't be read.
    """
    path = Path.cwd() / FILE
    if not path.exists():
        return {}
    if not path.is_file():
        msg = f"{path}: can't be read: it is no file"
        raise InputError(msg)
    try:
        with path.open(encoding="utf-8-sig") as text:
            bindings = list(parse_stream(text))
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or "it holds other bytes"
        msg = f"{path}: can't be read as text in UTF-8: {why}"
        raise InputError(msg) from exc
    for binding in bindings:
        if binding.value is None and prefix in binding.original.string:
            msg = f"{path}: can't be read: line {binding.original.line} is not of the form NAME=VALUE"
            raise InputError(msg)
    return {b.key: b.value for b in bindings if b.key and b.value is not None}


class Environment:
    """The variables that give settings: those that are set, and behind them those of `.env`."""

    def __init__(self, prefix: str, settings: Mapping[str, Schema], file: Mapping[str, str]) -> None:
        """Look at nothing yet.

        Args:
            prefix: of the names of variables.
            settings: the JSON Schema of each setting, by name.
            file: the variables of `.env`.
        """
        self._prefix, self._settings = prefix, settings
        self._of_file = {name: value for name, value in file.items() if name not in os.environ}
        self._variables = {**self._of_file, **os.environ}

    @cached_property
    def given(self) -> dict[str, str]:
        """The variables that give a setting, by its name."""
        variables = {name: self._prefix + name.upper() for name in self._settings}
        return {name: variable for name, variable in variables.items() if variable in self._variables}

    def values(self) -> dict[str, Any]:
        """Return the settings, as `read` does.

        Raises:
            SettingsError: some are not of their type, or a variable is of no setting.
        """
        found, problems = self.read()
        if problems:
            raise SettingsError(problems)
        return found

    def read(self, names: Collection[str] | None = None) -> tuple[dict[str, Any], list[str]]:
        """Return the settings; and a line for each that is not of its type, and for each variable of no setting.

        What else `.env` holds is set for this process, for example a proxy.

        Args:
            names: of those that are wanted; all if None.
        """
        os.environ.update(self._of_file)
        found, problems = {}, list(self._strangers())
        for name, variable in self.given.items():
            if names is not None and name not in names:
                continue
            try:
                found[name] = self._value(name)
            except (ValueError, LookupError, RecursionError):
                text, kind = self._variables[variable], self._kind(name)
                quotes = ", and not be in quotes" if text[:1] in {"'", '"'} else ""
                as_json = " as JSON" if kind == "object" else ""
                problems.append(f"{name}: {variable} must hold {KINDS[kind]}{as_json}{quotes}")
        return found, problems

    def origin(self, name: str) -> str:
        """Return where a setting that is given here comes from, for people."""
        variable = self.given[name]
        return f"{variable} in {FILE}" if variable in self._of_file else variable

    def unused(self, config: Mapping[str, Any]) -> Iterator[str]:
        """Yield a line for each variable of ours that is not read, as the settings come from a file.

        Args:
            config: what the file holds. Meltano sets the same in both.
        """
        for name in self.given:
            if name in config and _dotted(config[name]) == _dotted(self._value_if_any(name)):
                continue
            yield (
                f"{self.origin(name)} is not used, as --config names a file, and "
                f"{'that has another' if name in config else 'that has no'} {name}. Put it there, "
                "or add --config ENV; in meltano.yml, list the setting under `settings`."
            )
        yield from self._strangers(config)

    def _strangers(self, config: Collection[str] = ()) -> Iterator[str]:
        """Yield a line for each variable of ours that is of no setting.

        Args:
            config: the settings that a file gives. Of an object that is given, Meltano sets its parts, too.
        """
        parts = {f"{name.upper()}_": name for name in self._settings if self._kind(name) == "object"}
        for variable in sorted(name for name in self._variables if name.upper().startswith(self._prefix)):
            name = variable[len(self._prefix) :]
            whole = next((of for begin, of in parts.items() if name.startswith(begin)), None)
            if variable in self.given.values() or whole in {*self.given, *config}:
                continue
            if OTHERS.fullmatch(name) and name.strip("_").lower() not in self._settings:
                if name == LOG_LEVEL and variable in self._of_file:
                    yield f"{variable}: set it in the environment: the log is set up before {FILE} is read"
                continue
            in_whole = f"; write it into {self._prefix}{whole.upper()}, as JSON" if whole else ""
            hint = in_whole or did_you_mean(name.strip("_").lower(), self._settings)
            yield f"{variable}: there is no such setting{hint or '; take it away, or give it another name'}"

    def _kind(self, name: str) -> str:
        return str(next((one["type"] for one in alternatives(self._settings[name])), "object"))

    def _value(self, name: str) -> Any:
        """Return the value that a text stands for; a list may also be written as `a,b`."""
        text, kind = self._variables[self.given[name]], self._kind(name)
        text.encode()  # other bytes in a variable become halves of characters, which this refuses
        if kind == "integer":
            return int(text)
        if kind == "boolean":
            return TRUTH[text.strip().lower()]
        if kind == "array" and not text.lstrip().startswith("["):
            return [item.strip() for item in text.split(",")]
        if kind == "string" and len(text) > 1 and text[0] == text[-1] and text[0] in {"'", '"'}:
            raise ValueError(text)
        return text if kind == "string" else parsed(text)

    def _value_if_any(self, name: str) -> Any:
        try:
            return self._value(name)
        except (ValueError, LookupError, RecursionError):
            return None


def _dotted(value: Any, above: str = "") -> Any:
    """Return an object without objects in it, its names joined by dots: Meltano hands over either form."""
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _dotted(inner, f"{above}{name}.") if isinstance(inner, dict) else {f"{above}{name}": inner}
    return found
