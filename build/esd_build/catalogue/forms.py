"""The three forms in which an environment is installed: what each means, and how long it takes."""

from typing import Literal

from esd_build.data.project import Environment

Form = Literal["debian", "quick", "full"]


def form_of(environment: Environment) -> Form:
    """`debian`: Debian's packages and locked wheels; `quick`: Spack on Debian's packages; `full`: everything by Spack."""
    if environment.provider != "spack":
        return "debian"
    return "quick" if environment.variant else "full"


def told(environment: Environment) -> str:
    """The form in words, with the other one that there is."""
    text = _TOLD[form_of(environment)].format(suite=environment.suite)
    if form_of(environment) == "quick" and environment.variant == environment.quick:
        return f"{text} (all of it by Spack: PROVIDER=spack, {DURATION['full']})"
    return text


_TOLD = {
    "debian": "Debian {suite}'s packages, locked wheels of the package index, the simulator compiled",
    "quick": "quick form: the release's packages by Spack, on Debian {suite}'s Python, MPI and libraries",
    "full": "full form: everything by Spack",
}

# On two free cores, from nothing (docs/measurements): what is in the cache is not made again.
DURATION = {"debian": "about 7 min", "quick": "about 30 min", "full": "hours; never built from nothing yet"}
