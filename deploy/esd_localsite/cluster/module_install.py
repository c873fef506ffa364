"""`esd-deploy local module`: software behind a module, different from the image's on purpose.

An image gives Python, NEST and MPI; packages of other versions come before its own. `module load` puts a `python3` into PATH that is this.
"""

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from esd_localsite.cluster import accounts
from esd_localsite.cluster.modules import check_name, module_file
from esd_localsite.cluster.platforms import take_image
from esd_localsite.errors import LocalSiteError
from esd_localsite.state import lock
from esd_localsite.state.files import make_folder, whole_folder, write
from esd_localsite.state.layout import JOB_USER, Layout, find_layout
from esd_localsite.state.programs import environment

_SETS = Path(__file__).with_name("module_sets.toml")
_PIP_TIMEOUT_S = 600.0
_PROGRAMS = ("python3", "python")


class PackageSet(BaseModel):
    """Packages that go together."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    what: str
    packages: list[str]


@dataclass(frozen=True)
class Module:
    """One module to install."""

    name: str
    image: Path
    set: PackageSet


def known_sets() -> dict[str, PackageSet]:
    """The package sets that this program ships, by version."""
    read: dict[str, PackageSet] = TypeAdapter(dict[str, PackageSet]).validate_python(tomllib.loads(_flat(_SETS.read_text())))
    return read


def _flat(text: str) -> str:
    """Versions are keys here: in `[24.10]`, TOML would read the dot as a nested table."""
    return "\n".join(f'["{line[1:-1]}"]' if line.startswith("[") and line.endswith("]") else line for line in text.splitlines())


def plan_module(name: str, image: Path, packages: Sequence[str]) -> Module:
    """The packages to install: `packages`, or the known set of that version. Raises LocalSiteError."""
    version = check_name(name).partition("/")[2]
    if not image.is_file():
        raise LocalSiteError(f"there is no image {image}: build it with `make image`, or give --image FILE")
    if packages:
        return Module(name, image, PackageSet(what=f"{', '.join(packages)}; everything else of the image", packages=list(packages)))
    sets = known_sets()
    if version not in sets:
        raise LocalSiteError(f"no packages are known for {name}: name them (--with neo==0.13.3 …), or use {', '.join(sets)}")
    return Module(name, image, sets[version])


def install(site: str, module: Module, progress: Callable[[str], None]) -> None:
    """Install it at a site, replacing an earlier one of that name. Raises LocalSiteError if pip or the image fails."""
    layout = find_layout(site)
    if not layout.modulefiles.is_dir():
        raise LocalSiteError(f"no local site '{site}' yet: `esd-deploy local up --name {site}` first")
    with lock.holding(layout.software / ".lock"):
        root, user = layout.software / module.name, accounts.account(JOB_USER) if layout.needs_root else pwd.getpwuid(os.geteuid())
        progress(f"{module.name}: {', '.join(module.set.packages)}")
        with whole_folder(root) as new:
            take_image(module.image, new / "image.sif")
            _install_packages(module.set.packages, new, _python_of(new / "image.sif", user), user)
            _write_programs(new, root, layout)
        contents = {package.partition("==")[0]: package.partition("==")[2] for package in module.set.packages}
        make_folder((layout.modulefiles / module.name).parent)
        write(layout.modulefiles / module.name, module_file(module.name, module.set.what, root, contents))


def _python_of(image: Path, user: pwd.struct_passwd) -> str:
    """The image's version of Python, e.g. 3.13."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    return _as_user(("apptainer", "exec", str(image), "python3", "-c", ask), user).strip().splitlines()[-1]


def _install_packages(packages: Sequence[str], new: Path, python: str, user: pwd.struct_passwd) -> None:
    """Without their dependencies, which the image has. In two steps, because pip does not build packages for another Python version."""
    wheels, target = new / "wheels", new / "site-packages"
    for folder in (wheels, target):
        make_folder(folder, owner=user.pw_uid)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    wanted = ("--no-deps", "--python-version", python, "--only-binary", ":all:")
    for package in packages:
        try:
            _as_user((*pip, "download", *wanted, "--dest", str(wheels), package), user)
        except LocalSiteError:  # no wheel exists: pure Python, so any Python version can build it
            _as_user((*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), package), user)
    found = sorted(map(str, wheels.glob("*.whl")))
    _as_user((*pip, "install", *wanted, "--no-compile", "--target", str(target), *found), user)
    shutil.rmtree(wheels)


def _write_programs(new: Path, root: Path, layout: Layout) -> None:
    make_folder(new / "bin")
    for program in _PROGRAMS:
        write(new / "bin" / program, launcher(program, root, layout.scratch), mode=0o755)


def launcher(program: str, root: Path, scratch: Path) -> str:
    """The text of a program of the module."""
    image, packages = shlex.quote(str(root / "image.sif")), shlex.quote(str(root / "site-packages"))
    binds = shlex.join(part for path in (Path("/tmp"), root, scratch) for part in ("--bind", str(path)))  # noqa: S108 - PMIx meets there
    return f"""\
#!/bin/sh
# Written by `esd-deploy local module`: the image's {program}, with packages of other versions before its own.
PYTHONPATH={packages}${{PYTHONPATH:+:$PYTHONPATH}}
export PYTHONPATH
exec apptainer --silent exec {binds} {image} {program} "$@"
"""


def _as_user(argv: Sequence[str], user: pwd.struct_passwd) -> str:
    """Run a program as the job user, because packages may run code when they are installed."""
    kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key.lower().endswith("_proxy")}
    other = user.pw_uid != os.geteuid()
    finished = subprocess.run(
        argv,
        env=environment({"HOME": user.pw_dir, **kept}),
        cwd="/",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PIP_TIMEOUT_S,
        check=False,
        user=user.pw_uid if other else None,
        group=user.pw_gid if other else None,
        extra_groups=[] if other else None,
    )
    if finished.returncode != 0:
        raise LocalSiteError(f"`{shlex.join(argv)}` failed ({finished.returncode}): {finished.stderr.strip()[-2000:]}")
    return finished.stdout
