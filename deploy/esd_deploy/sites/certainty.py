"""How sure a value of a site's file is. Sites are described from papers, manuals and repositories, seldom by the site itself."""

from pydantic import Field

from esd_build.data.certainty import Certainty
from esd_build.data.documents import Document


class Evidence(Document):
    """Where one value comes from. `verify: true` asks the preflight to look before it is relied upon."""

    certainty: Certainty
    source: str = Field("", description="who says so")
    verify: bool = Field(False, description="a guess: checked by the preflight against what the site said of itself")

    def __str__(self) -> str:
        mark = ", to be verified" if self.verify else ""
        return f"{self.certainty}{mark}" + (f": {self.source}" if self.source else "")
