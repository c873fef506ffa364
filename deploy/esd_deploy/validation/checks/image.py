"""Checks the image at the site: pulled, whole, for this processor. checks/site.py has the step that pulls it, before all others. Pure."""

import archspec.cpu

from esd_deploy.validation.checks.nodes import Node, nodes
from esd_deploy.validation.terms.check import Check, Topic, tags
from esd_deploy.validation.terms.observations import Observations
from esd_deploy.validation.terms.verdict import Verdict, failed, passed, unknown

_TARGET = "eu.ebrains.esd.target"
_MOVING = frozenset({"edge"})
"""Tags that may move; every other tag names one image for ever."""


def pulled(observed: Observations) -> Verdict:
    """The image arrived at the site, and each node reads the file that the registry promised."""
    pull = observed.require("pull")
    if not pull.succeeded:
        return failed(pull.last_words, "correct the named setting (`registry`, `scratch` or `apptainer`) in the site's file")
    promised = observed.image.sif_digest.removeprefix("sha256:")
    found = nodes(observed.require("node"))
    unread = [node.name for node in found if not node.get("image_sha256")]
    if unread:
        return failed(f"{', '.join(unread)} cannot read the image", "`scratch`: a folder that login and compute nodes share")
    wrong = [f"{node.name} reads sha256:{node.get('image_sha256')}" for node in found if node.get("image_sha256") != promised]
    if wrong:
        return failed(
            f"{', '.join(wrong)}; the registry promised sha256:{promised}",
            "remove the image from the site's cache (`image_cache`)",
        )
    return passed(f"{len(found)} nodes read sha256:{promised[:12]}…, as promised")


def tag(observed: Observations) -> Verdict:
    """The tag that the user gave still names the image."""
    reference, now, before = observed.image.reference, observed.tag_now, observed.tag_before
    if reference.tag is None:
        return passed("the image was named by digest only")
    if now is None:
        return unknown(f"the registry did not say what tag '{reference.tag}' names now")
    if now != reference.digest:
        return failed(
            f"the tag '{reference.tag}' moved: it now names {_short(now)}, but {_short(reference.digest)} was validated",
            "validate the tag again; name an image by digest if it must stay the same",
        )
    if before not in {None, now} and reference.tag not in _MOVING:
        return failed(
            f"the tag '{reference.tag}' has moved since its last validation here: from {_short(before)} to {_short(now)}",
            "make the tag immutable in the registry, and ask who pushed over it; earlier verdicts are about another image",
        )
    moved = f"; at its last validation here it was {_short(before)}" if before not in {None, now} else ""
    return passed(f"'{reference.tag}' is {_short(now)}{moved}")


def processor(observed: Observations) -> Verdict:
    """Every node has the instructions that the image was compiled for, and executes them."""
    name = observed.image.annotations.get(_TARGET)
    target = archspec.cpu.TARGETS.get(name or "")
    found = nodes(observed.require("node"))
    if target is None:
        return unknown(f"the image does not say its processor (label {_TARGET}: {name or 'missing'})")
    wrong = [text for node in found if (text := _misfit(node, target))]
    advice = f"build the image for this site's processor (`target`), or choose nodes that run {name} (`partition`)"
    if wrong:
        return failed(f"the image is for {name}: {'; '.join(wrong)}", advice)
    start = observed.output("start")
    if start is not None and start.illegal_instruction:
        return failed(f"a program in the image used an illegal instruction, although the nodes look like {name}", advice)
    return passed(f"the image is for {name}, and {', '.join(node.name for node in found)} can run it")


def _misfit(node: Node, target: archspec.cpu.Microarchitecture) -> str:
    if node.get("architecture") != target.family.name:
        return f"{node.name} is {node.get('architecture')}"
    flags = node.words("flags")
    # Some features have another name in /proc/cpuinfo, which only `in` knows.
    own = archspec.cpu.Microarchitecture("", [], node.get("vendor") or "generic", set(flags), {})
    lacking = sorted(feature for feature in target.features if feature not in own)
    return f"{node.name} lacks {', '.join(lacking[:6])}" if lacking else ""


def _short(digest: str | None) -> str:
    return f"{(digest or '')[:19]}…"


TOPIC = Topic(
    checks=(
        Check("image", "the image arrived, with its digest", tags("image"), pulled, ("pull", "node")),
        Check("tag", "the tag names this image", tags("image"), tag),
        Check("processor", "the image fits the processor", tags("image"), processor, ("node",)),
    ),
)
