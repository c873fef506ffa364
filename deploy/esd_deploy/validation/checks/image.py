"""The image at the site: pulled, whole, for this processor. Its pull is a step of checks/site.py, before all others. Pure."""

import archspec.cpu

from esd_deploy.validation.check import Check, Topic, tags
from esd_deploy.validation.checks.nodes import Node, nodes
from esd_deploy.validation.observations import Observations
from esd_deploy.validation.verdict import Verdict, failed, passed, unknown

_TARGET = "eu.ebrains.esd.target"
_MOVING = frozenset({"edge"})
"""Tags that are meant to move; all others name one image for good."""


def pulled(observed: Observations) -> Verdict:
    """The image came to the site, and each node reads the file that the registry promised."""
    pull = observed.require("pull")
    if not pull.succeeded:
        return failed(pull.last_words, "the message names the setting; `registry`, `scratch` and `apptainer` are in the site's file")
    promised = observed.image.sif_digest.removeprefix("sha256:")
    found = nodes(observed.require("node"))
    unread = [node.name for node in found if not node.get("image_sha256")]
    if unread:
        return failed(f"{', '.join(unread)} cannot read the image", "`scratch`: a folder that login and compute nodes share")
    wrong = [f"{node.name} reads sha256:{node.get('image_sha256')}" for node in found if node.get("image_sha256") != promised]
    if wrong:
        return failed(
            f"{', '.join(wrong)}, the registry promised sha256:{promised}", "remove the image from the site's cache (`image_cache`)"
        )
    return passed(f"{len(found)} nodes read sha256:{promised[:12]}…, as promised")


def tag(observed: Observations) -> Verdict:
    """The tag by which the image was named still names it."""
    reference, now, before = observed.image.reference, observed.tag_now, observed.tag_before
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


def processor(observed: Observations) -> Verdict:
    """Every node has the instructions that the image was compiled for, and runs them."""
    name = observed.image.annotations.get(_TARGET)
    target = archspec.cpu.TARGETS.get(name or "")
    found = nodes(observed.require("node"))
    if target is None:
        return unknown(f"the image does not say what processor it is for (label {_TARGET}: {name or 'missing'})")
    wrong = [text for node in found if (text := _misfit(node, target))]
    advice = f"build the image for this site's processor (`target` of its recipe: {name}), or choose nodes that have it (`partition`)"
    if wrong:
        return failed(f"the image is for {name}: {'; '.join(wrong)}", advice)
    start = observed.output("start")
    if start is not None and start.illegal_instruction:
        return failed(f"a program of the image met an illegal instruction, although the nodes look like {name}", advice)
    return passed(f"the image is for {name}, and {', '.join(node.name for node in found)} can run that")


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


TOPIC = Topic(
    checks=(
        Check("image", "the image is here, with its digest", tags("image"), pulled, ("pull", "node")),
        Check("tag", "the tag names this image", tags("image"), tag),
        Check("processor", "the image fits the processor", tags("image"), processor, ("node",)),
    ),
)
