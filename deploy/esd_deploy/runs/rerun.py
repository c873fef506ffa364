"""Starts from a run's record: runs it again, or takes it over on another machine."""

from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.answers import gathered
from esd_deploy.backends.connection import Connection, GoneError
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.display.progress import Display
from esd_deploy.inputs import parameters
from esd_deploy.inputs.content import OnDisk, require_same, sha256_of, whole
from esd_deploy.inputs.hardware import with_hardware
from esd_deploy.inputs.packages import LOCK_FILE, Packages, seen, versions
from esd_deploy.inputs.variables import with_variables
from esd_deploy.plans import paths
from esd_deploy.plans.asked_component import require_fitting
from esd_deploy.plans.component import PlannedComponent
from esd_deploy.plans.job import TRAVELLING
from esd_deploy.plans.launch import INTERPRETERS, Repeats
from esd_deploy.plans.plan import RUN_INDEX, Plan
from esd_deploy.records.record import PREPARED, RunRecord
from esd_deploy.records.record_parts import JobRecord
from esd_deploy.runs.patience import patiently
from esd_deploy.runs.results import target
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site, new_id
from esd_deploy.sites import familiar
from esd_deploy.sites.config import SiteConfig

_MOST_STAGED = 10_000
_OURS_BYTES = 64 * 1024**2
"""Most bytes of all files that esd-deploy sends besides the user's, and of one of them."""


def plan(known: RunRecord, folder: Path, config: SiteConfig) -> Plan:
    """Plan the same run again: script and inputs from its folder (checked against the record), the image by its digest.

    Asks neither the site nor the registry. Raises UsageError if a file has changed since, or if the record does not say enough.
    """
    if known.shape is None:
        raise UsageError(f"the record of '{known.id}' has no shape (an older esd-deploy wrote it); use `esd-deploy run`")
    variables = tuple(known.environment.items())
    hardware = tuple(known.hardware_config.items())
    site = with_hardware(with_variables(known.shape.settled(config, _where(known)), variables), hardware)
    own = _packages(known, folder)
    return Plan(
        run_id=new_id(),
        site=seen(site) if own else site,
        packages=own,
        image=known.image.published if known.image else None,
        script_name=known.script.name,
        script=whole(_same(folder, known.script.name, known.script.sha256)),
        arguments=known.script.arguments,
        shape=known.shape.shape,
        time_s=known.time_limit_s,
        mode=known.mode,
        inputs=tuple((name, _same(folder, name, digest)) for name, digest in known.script.inputs.items()),
        tags=known.tags,
        index=_index(known),
        name=known.name,
        environment=variables,
        parameters=parameters.checked(known.parameters),
        post=_post(known),
        components=_components(known, site),
        repeats=Repeats(known.repeats.times, known.repeats.limit_s) if known.repeats else Repeats(),
        hardware=hardware,
    )


def _where(known: RunRecord) -> str:
    return f"the record of '{known.id}'"


def _components(known: RunRecord, site: SiteConfig) -> tuple[PlannedComponent, ...]:
    """The same further components, each from its recorded image. Raises UsageError where this site cannot have them."""
    found = tuple(one.planned(site, _where(known)) for one in known.components)
    require_fitting([one.name for one in found], mode=known.mode, site=site)
    for one in found:
        if one.script not in known.script.inputs:
            raise UsageError(f"{_where(known)} names {one.script!r} as component '{one.name}', which is no script that went along")
    return found


def _post(known: RunRecord) -> str | None:
    """A record may come from elsewhere; its script becomes part of a command line."""
    if known.post is None:
        return None
    if known.post.script not in known.script.inputs or PurePosixPath(known.post.script).suffix not in INTERPRETERS:
        raise UsageError(f"the record of '{known.id}' names {known.post.script!r} as post-processing, which is no script that went along")
    return known.post.script


def _packages(known: RunRecord, folder: Path) -> Packages | None:
    told = known.requirements
    if told is None or known.image is None:
        return None
    lock = whole(_same(folder, LOCK_FILE, told.lock_sha256))
    versions(lock)
    return Packages(lock, told.python, told.platform, known.image.sif_digest, told.sums)


def _index(known: RunRecord) -> int | None:
    """The run's number in its submission; older records have it only in their job's environment."""
    told = unicore_job.sent_variable(known.job.description, RUN_INDEX)
    return int(told) if known.index is None and told and told.isdigit() else known.index


def require_signature(again: Plan, place: Site) -> None:
    """Raises UsageError unless the user's trusted keys signed each image that the record names; asks the registry."""
    if again.image is None:
        raise AssertionError("local_checks asked for an image before")
    for image in (again.image, *(one.image for one in again.components)):
        place.signed_only().look_up(image.reference, place.endpoint)


def adopt(place: Site, name: str, *, runs: Path, display: Display | None = None) -> Run:
    """Take over a run without a record on this machine, by its job's URL or by its id, which is the job's tag.

    The record that travelled with the job is taken from its folder, and the files that were sent there. Raises UsageError if the site
    has no such job of this user, ToolError if its folder holds no record.
    """
    connection = place.connect()
    urls = [name] if name.startswith("https://") else list(connection.find(name))
    if not urls:
        raise UsageError(f"site '{place.config.name}' has no job of run '{name}'; check --site; the site may also have removed the job")
    url = urls[0]
    told = _travelled(connection, url)
    if told.id != name and (name not in urls or told.id not in connection.state(url).tags):
        raise ToolError(f"{url}: the record in its folder is of another run, '{told.id}'; somebody changed it; nothing was taken over")
    familiar.remember(place.config.file)
    record = _travelling(told, url, place.config)
    folder = _new_folder(runs, record.id)
    left = place.config.limits.input_bytes + _OURS_BYTES
    for path in record.staged:
        left -= _bring(connection, url, folder, path, left)
    record.save(folder)
    return Run(record, folder, connection, poll_s=place.config.poll_s, display=display, site=place.config)


_TRAVELS = (
    *("id", "mode", "tags", "name", "environment", "parameters", "image", "components", "requirements", "script", "staged"),
    *("launch", "nodes", "threads_per_rank", "shape", "time_limit_s", "index", "repeats", "after", "post", "esd_images"),
)
"""The keys that esd-deploy believes of a record that comes from a site."""


def _travelling(told: RunRecord, url: str, site: SiteConfig) -> RunRecord:
    """The run, from the record at the site. Site and job are those that the user named, because any job could write into that folder."""
    if len(told.staged) > _MOST_STAGED:
        raise ToolError(f"{url}: the record in its folder names {len(told.staged)} staged files, too many; the run was not taken over")
    job = JobRecord(url=url, description=told.job.description)
    new = {"site": site.name, "site_file": site.file, "job": job, "states": told.states[:1], "status": PREPARED}
    return RunRecord.model_validate({**{name: getattr(told, name) for name in _TRAVELS}, **new})


def _new_folder(runs: Path, run_id: str) -> Path:
    folder = runs / run_id
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UsageError(
            f"{folder} already exists: continue with `esd-deploy attach {run_id}`, or name another folder with --output"
        ) from error
    except OSError as error:
        raise ToolError(f"cannot make {folder}: {error.strerror}") from error
    return folder


def _travelled(connection: Connection, url: str) -> RunRecord:
    try:
        return RunRecord.model_validate_json(_read(connection, url, TRAVELLING))
    except (ValidationError, GoneError) as error:
        raise ToolError(
            f"{url}: no esd-deploy submitted this job (its folder has no valid {TRAVELLING}); `attach` cannot follow it"
        ) from error


def _bring(connection: Connection, url: str, folder: Path, path: str, most: int) -> int:
    """Fetch one staged file and return its size in bytes. Raises ToolError if it has more than `most` bytes: no run sends so much."""
    place = target(folder, path)

    def read() -> int:
        size = 0
        with place.open("wb") as out, connection.read(url, path) as pieces:
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise ToolError(f"{url}: with {path}, its files exceed what the site accepts with a job; the run was not taken over")
                out.write(piece)
        return size

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return patiently()(read)
    except OSError as error:
        raise ToolError(f"cannot write {place}: {error.strerror}; the run was not taken over") from error


def _read(connection: Connection, url: str, path: str) -> bytes:
    def read() -> bytes:
        with connection.read(url, path) as pieces:
            return gathered(pieces, f"{url}: {path}", _OURS_BYTES)

    return patiently()(read)


def _same(folder: Path, path: str, digest: str) -> OnDisk:
    """A file of the run's folder with the recorded SHA-256. It is compared again while it is copied."""
    try:
        place = paths.inside(folder, path)
        found = OnDisk(place, place.stat().st_size, sha256=digest)
    except OSError as error:
        raise ToolError(f"{folder / path}: {error.strerror}; the run cannot be repeated without this file") from error
    require_same(found, sha256_of(found))
    return found
