"""Words of servers, jobs and records on a terminal: text, whatever they hold. And in pages: no element of them."""

import ast
import json
from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner

from esd_build.net.words import SafeConsole, coloured, say
from esd_deploy.cli import app
from esd_deploy.commands.follow import logs
from esd_deploy.commands.shared import console
from esd_deploy.records.record_parts import EndingRecord, FileRecord, MissingRecord, StateRecord

ORDERS = ("\x1b]52;c;aGFybQ==\x07", "\x1b[2J\x1b[H", "\x9b31m", "\x1bP+q\x1b\\", "\u202egnp.exe", "\r\x1b[1Aok")
ROOTS = [Path(__file__).parents[2] / "deploy" / "esd_deploy", Path(__file__).parents[2] / "build" / "esd_build"]
RAW = {"typer.echo", "Console", "click.echo", "typer.secho"}
OBEYED = set("\x07\x1b\x9b\u202e\x90\x9d")


@pytest.fixture
def poisoned(run):
    """A record all of whose words are orders."""
    record = run.record
    for word in ORDERS:
        record = record.model_copy(
            update={
                "status": f"SUCCESSFUL{word}",
                "name": word,
                "message": word,
                "log": (word,),
                "tags": (word,),
                "warnings": (word,),
                "hosts": (word,),
                "versions": {word: word},
                "metrics": {word: 1.0},
                "states": (StateRecord(status=f"X{word}", time=record.states[0].time),),
                "ending": EndingRecord(kind="failed", because=word),
                "files": (FileRecord(path=f"a{word.replace('/', '')}", size=1, sha256="0" * 64),),
                "missing": (MissingRecord(path=word, size=None, reason=word),),
            }
        )
        record.save(run.folder)
    return run


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show", "ID"], ["show", "ID", "--json"]])
def test_a_record_gives_no_orders(poisoned, command):
    words = [poisoned.record.id if word == "ID" else word for word in command]
    result = CliRunner().invoke(app, [*words, "--output", str(poisoned.folder.parent)])
    assert result.exit_code == 0, result.output
    assert not OBEYED & set(result.output), ascii(result.output)


def test_a_table_has_no_markup_and_no_orders():
    table = Table("a")
    for word in (*ORDERS, "[link=https://evil.example]click[/link]", "[/red]"):
        table.add_row(word)
    printed = SafeConsole(width=200, markup=False, highlight=False, force_terminal=True, color_system=None, legacy_windows=False)
    with printed.capture() as captured:
        printed.print(table)
    assert not OBEYED & set(captured.get().replace("\x1b[1m", "").replace("\x1b[0m", ""))
    assert "[link=https://evil.example]click[/link]" in captured.get()
    assert console.out._markup is False


def test_a_document_is_the_same_after_it_was_made_harmless(capsys):
    document = {word: [word, "\x7f", "\x85"] for word in ORDERS}
    say(json.dumps(document, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert json.loads(printed) == document
    assert not OBEYED & set(printed)


@pytest.mark.parametrize("word", ORDERS)
def test_a_jobs_output_keeps_its_colours_and_gives_no_orders(word):
    text = coloured(f"\x1b[32mgreen\x1b[0m 10%\r20%{word}\n".encode()).decode()
    assert text.startswith("\x1b[32mgreen\x1b[0m 10%\r20%")
    assert not OBEYED & set(text.replace("\x1b[32m", "").replace("\x1b[0m", ""))
    assert coloured(b"\xff\x1b") == "\ufffd\ufffd".encode()


def test_output_that_goes_into_a_file_is_left_as_it_is(run, monkeypatch, capsysbinary):
    monkeypatch.setattr(logs, "known_run", lambda *_: run)
    monkeypatch.setattr(type(run), "output", lambda *_: b"\x1b]52;c;x\x07\xff")
    monkeypatch.setattr(type(run), "refresh", lambda _self: None)
    logs.logs(run.record.id)
    assert capsysbinary.readouterr().out == b"\x1b]52;c;x\x07\xff"


def test_commands_print_through_the_one_place_that_makes_words_harmless():
    """Neither `print`, nor typer's echo, nor rich's own console: what they print is obeyed."""
    found = []
    for root in ROOTS:
        for path in (*sorted(root.glob("commands/*.py")), root / "cli.py"):
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
            found += [f"{path.name}:{call.lineno}" for call in calls if ast.unparse(call.func) in RAW]
    assert found == []
