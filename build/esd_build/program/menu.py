"""A program's list of commands: `--help` and TAB read only the list; a command's module is loaded when the command is called."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import typer.main
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class Entry:
    """One command: the module whose `app` has it, or is it; and its first sentence. Without a sentence it is hidden: an old name."""

    name: str
    module: str
    sentence: str = ""

    def load(self, package: str) -> Any:
        """The command itself, with its options; `package` is where the modules of all commands are."""
        group = typer.main.get_group(import_module(f"{package}.{self.module}").app)
        command: Any = group.commands.get(self.name, group)
        command.name = self.name
        return command


def menu(panels: Mapping[str, Sequence[Entry]], package: str) -> type[TyperGroup]:
    """The class of a program with the commands of a package, under the headings of its `--help`."""

    class Menu(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands: Any = _Called([entry for entries in panels.values() for entry in entries], package)

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as the group has it
            return list(self.commands)

        def format_help(self, ctx: Any, formatter: Any) -> None:
            _load_writer()
            with self._only_listed():
                super().format_help(ctx, formatter)

        def shell_complete(self, ctx: Any, incomplete: str) -> Any:
            with self._only_listed():
                return super().shell_complete(ctx, incomplete)

        @contextmanager
        def _only_listed(self) -> Iterator[None]:
            callable_ones, self.commands = self.commands, {one.name: one for one in _signs(panels)}
            try:
                yield
            finally:
                self.commands = callable_ones

    return Menu


class _Called(Mapping[str, Any]):
    """Name → command; each is loaded once, when it is looked at."""

    def __init__(self, entries: Sequence[Entry], package: str) -> None:
        self._package = package
        self._entries = {entry.name: entry for entry in entries}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._entries[name].load(self._package)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


_UNUSED_BY_HELP = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""What Typer's writer of help imports for Markdown and tracebacks; a list of commands has neither, and they take a third of its time."""


def _load_writer() -> None:
    """Load Typer's writer of help without the modules that it would not use here. For this process, which ends after its help."""
    unused = {name: ModuleType(name) for name in _UNUSED_BY_HELP if name not in sys.modules}
    for name, module in unused.items():
        setattr(module, _UNUSED_BY_HELP[name], type(_UNUSED_BY_HELP[name], (), {}))
    sys.modules.update(unused)
    try:
        import_module("typer.rich_utils")
    finally:
        for name in unused:
            del sys.modules[name]


def _signs(panels: Mapping[str, Sequence[Entry]]) -> Iterator[TyperCommand]:
    """Commands that can be listed and not called."""
    for panel, entries in panels.items():
        for entry in entries:
            yield TyperCommand(entry.name, help=entry.sentence, rich_help_panel=panel, hidden=not entry.sentence)
