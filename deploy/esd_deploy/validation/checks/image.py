"""Judgements on the image at the site: pulled, whole, for this processor, with nothing of the host leaking in. Pure."""

import archspec.cpu
from pydantic import Field

from esd_deploy.validation.checks.nodes import Node, nodes
from esd_deploy.validation.evidence import Evidence, Facts, Output
from esd_deploy.validation.verdict import Verdict, failed, passed, unknown

_TARGET = "eu.ebrains.esd.target"
_SIGILL = 132
_MOVING = frozenset({"edge"})
"""Tags that are meant to move; all others name one image for good."""


class Inside(Facts):
    """What `inside.py` printed for one rank."""

    host: str
    node: str
    rank: int
    namespace: str
    cpus: tuple[int, ...]
    cpus_on_node: int
    threads: str | None
    leaks: dict[str, str]
    own: dict[str, str] = Field(default_factory=dict)
    pmix_server: str | None
    pmix_security: str | None
    pmix_storage: str | None
    pmix_namespace: str | None
    pmix_hidden: tuple[str, ...]
    tmp: str = ""
    pmix_client: str | None
    ucx: str | None
    mpi: bool
    mpi4py: bool
    binds: dict[str, tuple[bool, bool]]
    folder_writable: bool


def illegal_instruction(output: Output) -> bool:
    """A program met an instruction that its processor does not have."""
    return output.code == _SIGILL or "Illegal instruction" in output.stderr


def pulled(evidence: Evidence) -> Verdict:
    """The image came to the site, and each node reads the file that the registry promised."""
    pull = evidence.require("pull")
    if not pull.succeeded:
        return failed(pull.last_words, "the message names the setting; `registry`, `scratch` and `apptainer` are in the site's file")
    promised = evidence.image.sif_digest.removeprefix("sha256:")
    found = nodes(evidence.require("node"))
    unread = [node.name for node in found if not node.get("image_sha256")]
    if unread:
        return failed(f"{', '.join(unread)} cannot read the image", "`scratch`: a folder that login and compute nodes share")
    wrong = [f"{node.name} reads sha256:{node.get('image_sha256')}" for node in found if node.get("image_sha256") != promised]
    if wrong:
        return failed(
            f"{', '.join(wrong)}, the registry promised sha256:{promised}", "remove the image from the site's cache (`image_cache`)"
        )
    return passed(f"{len(found)} nodes read sha256:{promised[:12]}…, as promised")


def tag(evidence: Evidence) -> Verdict:
    """The tag by which the image was named still names it."""
    reference, now, before = evidence.image.reference, evidence.tag_now, evidence.tag_before
    if reference.tag is None:
        return passed("named by digest alone")
    if now is None:
        return unknown(f"the registry did not say what {reference.tag} is now")
    if now != reference.digest:
        return failed(
            f"the tag '{reference.tag}' moved: it is {_short(now)} now, validated was {_short(reference.digest)}",
            "validate the tag again; name images by digest where they must stay the same",
        )
    if before not in {None, now} and reference.tag not in _MOVING:
        return failed(
            f"the tag '{reference.tag}' moved since it was validated here: it was {_short(before)}, it is {_short(now)}",
            "make the tag immutable in the registry, and ask who pushed over it; earlier verdicts are not about this image",
        )
    moved = f"; it was {_short(before)} when it was validated here the last time" if before not in {None, now} else ""
    return passed(f"'{reference.tag}' is {_short(now)}{moved}")


def processor(evidence: Evidence) -> Verdict:
    """Every node has the instructions that the image was compiled for, and runs them."""
    name = evidence.image.annotations.get(_TARGET)
    target = archspec.cpu.TARGETS.get(name or "")
    found = nodes(evidence.require("node"))
    if target is None:
        return unknown(f"the image does not say what processor it is for (label {_TARGET}: {name or 'missing'})")
    wrong = [text for node in found if (text := _misfit(node, target))]
    advice = f"build the image for this site's processor (`target` of its recipe: {name}), or choose nodes that have it (`partition`)"
    if wrong:
        return failed(f"the image is for {name}: {'; '.join(wrong)}", advice)
    start = evidence.output("start")
    if start is not None and illegal_instruction(start):
        return failed(f"a program of the image met an illegal instruction, although the nodes look like {name}", advice)
    return passed(f"the image is for {name}, and {', '.join(node.name for node in found)} can run that")


def starts(evidence: Evidence) -> Verdict:
    """A container of this image starts and ends on each node."""
    output = evidence.require("start")
    if illegal_instruction(output):
        return failed("a program of the image met an illegal instruction", "the image is for another processor: see 'processor'")
    if not output.succeeded:
        return failed(f"`apptainer exec` ends with {output.code}: {output.last_words}", "`apptainer`, or what 'namespaces' says")
    return passed(f"in {output.seconds:.1f} s on {evidence.nodes} nodes")


def binds(evidence: Evidence) -> Verdict:
    """What the site's file promises to show inside is there; the job's folder can be written."""
    found = evidence.require("inside").facts(Inside)
    wrong = sorted({f"{rank.node}: {path} is not visible" for rank in found for path, seen in rank.binds.items() if not seen[0]})
    wrong += sorted({f"{rank.node}: the job's folder is not writable inside" for rank in found if not rank.folder_writable})
    if wrong:
        return failed("; ".join(wrong), "`binds` in the site's file")
    shown = sorted({path for rank in found for path in rank.binds})
    return passed(f"visible: {', '.join(shown) or 'only what Apptainer shows by itself'}; the job's folder is writable")


def leaks(evidence: Evidence) -> Verdict:
    """No path of the host's own software reaches programs in the image."""
    found = evidence.require("inside").facts(Inside)
    values = {
        (name, foreign) for rank in found for name, value in rank.leaks.items() if (foreign := _foreign(value, rank.own.get(name, "")))
    }
    if values:
        text = ", ".join(f"{name}={value}" for name, value in sorted(values))
        names = ", ".join(sorted({name for name, _ in values}))
        return failed(
            f"the host's {text} is set inside: programs may load the host's libraries",
            f"`environment`: remove {names}, or unload the module",
        )
    return passed("neither library nor Python paths of the host inside")


def exit_code(evidence: Evidence) -> Verdict:
    """A program's exit code comes through container and srun as it is."""
    output = evidence.require("exit-code")
    if output.code != 7:
        return failed(
            f"a program that ends with 7 arrives as {output.code}: {output.last_words}", "`sharens`: false, if the code is 148 or 255"
        )
    return passed("7 arrives as 7")


def _foreign(value: str, own: str) -> str:
    """The paths that neither the image sets nor Apptainer, which has a folder for libraries of the host's drivers."""
    known = {"", *own.split(":")}
    return ":".join(part for part in value.split(":") if part not in known and not part.startswith("/.singularity.d"))


def _misfit(node: Node, target: archspec.cpu.Microarchitecture) -> str:
    if node.get("architecture") != target.family.name:
        return f"{node.name} is {node.get('architecture')}"
    flags = node.words("flags")
    # Some features go by another name in /proc/cpuinfo, which only `in` knows.
    own = archspec.cpu.Microarchitecture("", [], node.get("vendor") or "generic", set(flags), {})
    lacking = sorted(feature for feature in target.features if feature not in own)
    return f"{node.name} lacks {', '.join(lacking[:6])}" if lacking else ""


def _short(digest: str | None) -> str:
    return f"{(digest or '')[:19]}…"
