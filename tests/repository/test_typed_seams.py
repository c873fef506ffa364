"""No dictionary of anything crosses a module: what public functions, fields and aliases take and give has a type of its own.

JSON and YAML at the edge are what the exceptions are about; each has its reason.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAPPINGS = frozenset({"dict", "Mapping", "MutableMapping"})
ANYTHING = frozenset({"Any", "object", "Json"})
"""`Json` is another name of `object` in esd_localsite/description/fields.py."""
INSIDE = ("job", "inside")
"""Folders of programs that run elsewhere, with whatever is there."""
ALLOWED = {
    "esd_build/data/yaml_file.py": "YAML as it was read; `documents.load` makes a model of it at once",
    "esd_build/providers/spack/locks/lockfile.py": "Spack's own record of a package, which is written again as it was read",
    "esd_build/signing/claims.py": "annotations of somebody else's signature; `Claims.read` is what parses them",
    "esd_deploy/backends/nmpi/job.py": "JSON for the queue",
    "esd_deploy/backends/unicore/answers.py": "JSON of UNICORE, parsed here",
    "esd_deploy/backends/unicore/folder.py": "JSON of UNICORE, parsed here",
    "esd_deploy/backends/unicore/job.py": "JSON for UNICORE",
    "esd_deploy/backends/unicore/passage.py": "JSON of UNICORE, parsed here",
    "esd_deploy/errands/draft.py": "JSON for a site's file",
    "esd_deploy/plans/job.py": "JSON for a site, whatever its kind",
    "esd_deploy/services/nest_client.py": "JSON of NEST Server, whose keys differ between its versions",
    "esd_deploy/sites/config.py": "the JSON schema of site files",
    "esd_deploy/sites/settings.py": "JSON for `esd-deploy site --json`",
    "esd_localsite/description/applications.py": "a client's JSON, parsed here",
    "esd_localsite/description/credentials.py": "a client's JSON, parsed here",
    "esd_localsite/description/description.py": "a client's JSON, parsed here",
    "esd_localsite/description/fields.py": "a client's JSON, parsed here",
    "esd_localsite/description/staging.py": "a client's JSON, parsed here",
    "esd_localsite/identity/oidc.py": "JSON for clients of the issuer",
    "esd_localsite/jobs/creation.py": "the description as the client sent it, which is kept",
    "esd_localsite/jobs/engine.py": "the description as the client sent it, which is kept",
    "esd_localsite/nmpi/program.py": "a job description, as a client would send it",
    "esd_localsite/records/records.py": "the description as the client sent it, which clients ask for again",
    "esd_localsite/spinnaker/board.py": "JSON of a board's report",
    "esd_localsite/unicore/requests.py": "a client's JSON, as it came",
}


def is_loose(annotation: ast.expr | None) -> bool:
    """Whether a dictionary of anything is in it."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.Name) and annotation.id in MAPPINGS:
        return True
    return annotation is not None and any(_maps_to_anything(one) for one in ast.walk(annotation))


def _maps_to_anything(node: ast.AST) -> bool:
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
        return False
    return ast.unparse(node.value) in MAPPINGS and ast.unparse(node.slice.elts[-1]) in ANYTHING


def loose(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Public functions, fields and aliases whose types let a dictionary of anything through."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (f"{node.name}.{name}" for name in loose(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            taken = (one.annotation for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
            yield from [node.name] if any(map(is_loose, (*taken, node.returns))) else []
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            yield from [node.target.id] if is_loose(node.annotation) else []
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Subscript):
            yield from [node.targets[0].id] if is_loose(node.value) else []


def test_no_dictionary_of_anything_crosses_a_module() -> None:
    files = [path for folder in ("build", "deploy") for path in (ROOT / folder).rglob("*.py") if not {*INSIDE} & {*path.parts}]
    found = {path: list(loose(ast.parse(path.read_text()))) for path in files}
    named = {str(path.relative_to(ROOT).relative_to(path.relative_to(ROOT).parts[0])): names for path, names in found.items() if names}

    assert {name: names for name, names in named.items() if name not in ALLOWED} == {}, "give it a type, or say here why it has none"
    assert sorted(ALLOWED.keys() - named.keys()) == [], "these need no exception any more"


def test_such_a_dictionary_is_found() -> None:
    code = """
Content = Mapping[str, Mapping[str, Any]]
class Draft:
    values: "dict[str, object]"
    def of(self, known: Mapping[str, int]) -> "Draft": ...
def read(path: Path) -> list[dict[str, Any]]: ...
def _own(path: Path) -> dict[str, Any]: ...
"""
    assert list(loose(ast.parse(code))) == ["Content", "Draft.values", "read"]
