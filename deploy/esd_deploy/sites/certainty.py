"""How sure a value of a site's file is. Sites are described from papers, manuals and repositories, seldom by the site itself."""

from typing import Literal

from pydantic import Field

from esd_build.data.documents import Document

Certainty = Literal["site", "primary", "secondary", "inferred", "general", "guess"]
"""site: the site itself said so (`esd-deploy site probe`) · primary: read in the site's or author's own text · secondary: second hand,
or one step of deduction · inferred: from dates or relatives · general: general knowledge, not verified · guess: somebody must look."""

SURE: frozenset[Certainty] = frozenset({"site", "primary"})


class Evidence(Document):
    """Where one value comes from. `verify: true` asks the preflight to look before it is relied upon."""

    certainty: Certainty
    source: str = Field("", description="who says so")
    verify: bool = Field(False, description="a guess: checked by the preflight against what the site said of itself")

    def __str__(self) -> str:
        mark = ", to be verified" if self.verify else ""
        return f"{self.certainty}{mark}" + (f": {self.source}" if self.source else "")
