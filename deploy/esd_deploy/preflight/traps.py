"""Known traps: a script that runs without an error and does other than meant, with the versions that it would meet. Pure.

A trap warns and blocks nothing: what a script does is read from its text, which may be wrong.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence

from esd_build.registry import NEST_VERSION
from esd_build.tools import minimum
from esd_deploy.plans.plan import Plan
from esd_deploy.preflight.site_checks import LABEL

_SEED, _THREADS = "rng_seed", ("local_num_threads", "total_num_virtual_procs")
_GENERATORS = {"generate_nest_target", "generate_target"}
_KEEPS_SEED = "3.5"
"""The first NEST that keeps a seed which is set before the number of threads, by its source (nestkernel/random_manager.cpp)."""


def environments(plan: Plan) -> Sequence[str]:
    """What may name the release: the image's label, or the ends of the site's module lines (`EBRAINS/23.02`)."""
    if plan.mode != "container":
        return [module.rpartition("/")[2] for module in plan.site.modules]
    label = (plan.image.annotations if plan.image else {}).get(f"{LABEL}environment")
    return [label] if label else []


def warned(plan: Plan, release_pins: Mapping[str, str]) -> list[str]:
    """What to tell the user before the run. `release_pins` are the versions of the release that `environments` names."""
    labels = plan.image.annotations if plan.image else {}
    nest = labels.get(NEST_VERSION) if plan.mode == "container" else release_pins.get("NEST")
    return [*_forgotten_seed(plan, nest), *_unused_threads(plan), *_unrecognized_nest(plan, nest, release_pins.get("NESTML"))]


def _forgotten_seed(plan: Plan, nest: str | None) -> Iterator[str]:
    if nest and minimum.older(nest, _KEEPS_SEED) and seed_before_threads(plan.script):
        yield (
            f"{plan.script_name} sets the seed before the number of threads: NEST {nest} then forgets the seed without a word. "
            "The run gives the same numbers whatever the seed is, and others than a newer NEST gives; set the number of threads first"
        )


def _unused_threads(plan: Plan) -> Iterator[str]:
    if plan.shape.threads > 1 and threads_unsaid(plan.script):
        yield (
            f"{plan.script_name} never tells NEST how many threads it has: NEST ignores $OMP_NUM_THREADS and computes with one, not with "
            f'{plan.shape.threads}. Write `nest.local_num_threads = int(os.environ["OMP_NUM_THREADS"])` before the first node is made'
        )


def _unrecognized_nest(plan: Plan, nest: str | None, nestml: str | None) -> Iterator[str]:
    if nest and nestml and nestml.startswith("7.") and not minimum.older(nest, "3.8") and generates_code(plan.script):
        yield (
            f"{plan.script_name} generates code with NESTML {nestml}, which takes NEST {nest} for 3.4: the code does not compile. "
            'Give codegen_opts={"nest_version": "master"}, or the model by --model'
        )


def generates_code(script: bytes) -> bool:
    """Whether a script calls NESTML's generator for NEST, and nothing in it names NEST's version."""
    return b"nest_version" not in script and any(
        isinstance(node, ast.Call) and _called(node) in _GENERATORS for node in ast.walk(_tree(script) or ast.Module([], []))
    )


def _called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def threads_unsaid(script: bytes) -> bool:
    """Whether a script imports NEST itself and nothing in it names a setting of its threads."""
    tree = _tree(script)
    imports = tree is not None and any(
        isinstance(node, ast.Import) and any(one.name == "nest" for one in node.names) for node in ast.walk(tree)
    )
    return imports and not any(name.encode() in script for name in _THREADS)


def seed_before_threads(script: bytes) -> bool:
    """Whether a script sets NEST's seed, then the number of threads, and the seed not again."""
    tree = _tree(script)
    places = [] if tree is None else sorted(_settings(tree))
    seeds = [place for *place, name in places if name == _SEED]
    threads = [place for *place, name in places if name in _THREADS]
    return bool(seeds and threads) and min(seeds) < max(threads) and max(seeds) < max(threads)


def _tree(script: bytes) -> ast.AST | None:
    """None for what is no Python that can be read here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(script)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _settings(tree: ast.AST) -> Iterator[tuple[int, int, str]]:
    """Line, column and name of each kernel setting. Those of one call count as one place: NEST sets the threads of it first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute):
                    yield node.lineno, node.col_offset, target.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"SetKernelStatus", "set"}:
            yield from ((node.lineno, node.col_offset, name) for name in _named(node))


def _named(call: ast.Call) -> Iterator[str]:
    yield from (keyword.arg for keyword in call.keywords if keyword.arg)
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            yield from (key.value for key in argument.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
