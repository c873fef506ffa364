"""A run as a Workflow Run RO-Crate: a folder or ZIP file that others can read without this software.

Follows the Process Run Crate and Workflow Run Crate profiles 0.5 (https://w3id.org/ro/wfrun/).
"""

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cyclonedx.spdx import fixup_id
from rocrate.model.contextentity import ContextEntity
from rocrate.model.preview import Preview
from rocrate.rocrate import ROCrate

from esd_build.data.errors import UsageError
from esd_deploy.inputs import parameters
from esd_deploy.inputs.packages import LOCK_FILE
from esd_deploy.plans import paths
from esd_deploy.records.record import FILE_NAME, RunRecord
from esd_deploy.studies import citation, preview
from esd_deploy.studies.citation import Author

_WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    _WORKFLOW: "Workflow RO-Crate",
}
_BASE = "1.1"
"""The version of RO-Crate that these profiles are profiles of."""
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_CRATES_OWN = frozenset({"ro-crate-metadata.json", "ro-crate-metadata.jsonld", "ro-crate-preview.html", "CITATION.cff", FILE_NAME})
"""A result of such a name would take the place of what the crate says of itself; it stays in the run's folder."""
_LICENSES = "https://spdx.org/licenses/"
_LANGUAGE = "https://www.python.org/"
_TEXT = "text/plain"
_TYPES = {
    ".txt": _TEXT,
    ".csv": "text/csv",
    ".json": "application/json",
    ".py": "text/x-python",
    ".nix": "application/x-hdf5",
    ".sh": "application/x-sh",
}


def license_of(word: str) -> str:
    """The address of a licence: of an SPDX identifier (`CC-BY-4.0`, in any case) its page, or an address as it is. Raises UsageError."""
    if word.startswith("https://"):
        return word
    known = fixup_id(word)
    if known is None:
        raise UsageError(f"--license '{word}': expected an SPDX identifier such as CC-BY-4.0 or MIT (https://spdx.org/licenses), or a URL")
    return f"{_LICENSES}{known}"


def write(record: RunRecord, folder: Path, target: Path, *, license_url: str | None = None, authors: Sequence[Author] = ()) -> Path:
    """Write the crate of an ended run, as a ZIP file where `target` ends in .zip. Raises UsageError for a run that has not ended."""
    if not record.ended:
        raise UsageError(f"run '{record.id}' has not ended ({record.status}); `esd-deploy attach {record.id}` first")
    if target.exists():
        raise UsageError(f"{target} exists already; choose another name")
    crate = build(record, folder, license_url=license_url, authors=authors)
    if target.suffix == ".zip":
        crate.write_zip(target)
    else:
        crate.write(target)
    return target


def build(record: RunRecord, folder: Path, *, license_url: str | None = None, authors: Sequence[Author] = ()) -> ROCrate:
    """The crate in memory; its data files stay where they are until it is written."""
    crate = ROCrate(version=_BASE)
    crate.metadata.extra_contexts.append(_TERMS)
    crate.name = f"Run {record.id} of {record.script.name} at {record.site}"
    crate.description = f"{record.launch} - {record.status}, recorded by esd-images {record.esd_images or ''}".strip()
    crate.datePublished = record.states[-1].time
    crate.license = _license(crate, license_url)
    crate.metadata["conformsTo"] = [{"@id": f"https://w3id.org/ro/crate/{_BASE}"}, {"@id": _WORKFLOW}]
    profiles = [_profile(crate, url, name) for url, name in _PROFILES.items()]
    crate.root_dataset["conformsTo"] = profiles
    program = _program(crate, record, folder)
    results = [_file(crate, folder, one.path, {"sha256": one.sha256}) for one in record.files if one.path not in _CRATES_OWN]
    inputs = [_file(crate, folder, name, {"sha256": digest}) for name, digest in record.script.inputs.items()]
    action = _action(crate, record, program, [*inputs, *_parameters(crate, record)], results)
    told = {"description": "the record of esd-deploy: all that is known of this run", "about": {"@id": action.id}}
    _file(crate, folder, FILE_NAME, told)
    if record.requirements is not None:
        _file(crate, folder, LOCK_FILE, {"description": "the packages besides those of the image, by version and hash"})
    if authors:
        crate.root_dataset["author"] = [crate.add(ContextEntity(crate, one.id, one.entity)) for one in authors]
    cited = citation.cff(record, authors, license_url)
    if cited is not None:
        told = {"name": citation.FILE_NAME, "description": "how to cite this run", "encodingFormat": "application/yaml"}
        crate.add_file(io.StringIO(cited), citation.FILE_NAME, properties=told)
    crate.add(Preview(crate, io.StringIO(preview.page(record, authors, license_url))))
    return crate


def _profile(crate: ROCrate, url: str, name: str) -> Any:
    return crate.add(ContextEntity(crate, url, {"@type": ["CreativeWork", "Profile"], "name": name, "version": url.rpartition("/")[2]}))


def _license(crate: ROCrate, url: str | None) -> Any:
    """RO-Crate wants one; what nobody said is not made up."""
    if url is not None:
        return crate.add(ContextEntity(crate, url, {"@type": "CreativeWork", "name": url.rstrip("/").split("/")[-1], "url": url}))
    unknown = "The owner of these files has not said under which licence they may be used."
    return crate.add(ContextEntity(crate, "#no-license", {"@type": "CreativeWork", "name": "no licence stated", "description": unknown}))


def _program(crate: ROCrate, record: RunRecord, folder: Path) -> Any:
    language = crate.add(
        ContextEntity(
            crate,
            _LANGUAGE,
            {"@type": "ComputerLanguage", "name": "Python", "version": record.versions.get("Python", "unknown"), "url": _LANGUAGE},
        )
    )
    file = paths.inside(folder, record.script.name)
    program = crate.add_file(
        file,
        record.script.name,
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": record.script.name,
            "contentSize": str(file.stat().st_size),
            "encodingFormat": _kind(record.script.name),
            "sha256": record.script.sha256,
            "version": f"sha256:{record.script.sha256}",
            "programmingLanguage": {"@id": language.id},
            "softwareRequirements": [f"{name} {version}" for name, version in record.versions.items()],
        },
    )
    crate.mainEntity = program
    return program


def _action(crate: ROCrate, record: RunRecord, program: Any, objects: list[Any], results: list[Any]) -> Any:
    times = [state.time for state in record.states]
    status = "CompletedActionStatus" if record.succeeded else "FailedActionStatus"
    properties = {
        "@type": "CreateAction",
        "name": f"{record.script.name} at {record.site}",
        "description": record.launch,
        "startTime": times[0].isoformat(timespec="seconds"),
        "endTime": times[-1].isoformat(timespec="seconds"),
        "actionStatus": f"http://schema.org/{status}",
        **({} if record.succeeded or record.ending is None else {"error": f"{record.ending.kind}: {record.ending.because}"}),
    }
    action = crate.add(ContextEntity(crate, f"#run-{record.id}", properties))
    action["instrument"] = program
    action["object"] = objects
    action["result"] = results
    if record.image is not None:
        action["containerImage"] = _image(crate, record)
    variables = _variables(crate, record)
    if variables:
        action["environment"] = variables
    crate.root_dataset["mentions"] = action
    return action


def _image(crate: ROCrate, record: RunRecord) -> Any:
    if record.image is None:
        raise AssertionError("asked only for runs in a container")
    reference = record.image.reference.partition("@")[0]
    registry, _, path = reference.partition("/")
    name, _, tag = path.partition(":")
    properties = {
        "@type": "ContainerImage",
        "additionalType": {"@id": "https://w3id.org/ro/terms/workflow-run#SIFImage"},
        "registry": registry,
        "name": name,
        "tag": tag,
        "sha256": record.image.sif_digest.removeprefix("sha256:"),
        "identifier": record.image.digest,
    }
    return crate.add(ContextEntity(crate, f"oras://{record.image.reference}", properties))


def _parameters(crate: ROCrate, record: RunRecord) -> list[Any]:
    """The command line's arguments and the shape of the run, as the profile wants parameters."""
    values = {**{f"argument-{number}": value for number, value in enumerate(record.script.arguments, 1)}}
    if record.shape is not None:
        values |= {
            "nodes": str(record.shape.nodes),
            "tasks-per-node": str(record.shape.tasks_per_node),
            "threads": str(record.shape.threads),
            **({"index": str(record.index)} if record.index is not None else {}),
        }
    return [_value(crate, f"#{name}", name, value) for name, value in values.items()]


def _variables(crate: ROCrate, record: RunRecord) -> list[Any]:
    """The variables that the user chose: those of --env, and a sweep's values. The profile wants all that may change the results."""
    chosen = (*record.environment.items(), *parameters.variables(tuple(record.parameters.items())))
    return [_value(crate, f"#environment-{name}", name, value) for name, value in chosen]


def _value(crate: ROCrate, identifier: str, name: str, value: str) -> Any:
    return crate.add(ContextEntity(crate, identifier, {"@type": "PropertyValue", "name": name, "value": value}))


def _file(crate: ROCrate, folder: Path, path: str, properties: dict[str, Any]) -> Any:
    place = paths.inside(folder, path)
    if not place.is_file():
        raise UsageError(f"{place} is in the record, but missing here; `esd-deploy fetch` fetches it again")
    told = {"name": path, "contentSize": str(place.stat().st_size), "encodingFormat": _kind(path), **properties}
    return crate.add_file(place, path, properties=told)


def _kind(path: str) -> str:
    return _TEXT if path in {"stdout", "stderr"} else _TYPES.get(PurePosixPath(path).suffix, "application/octet-stream")
