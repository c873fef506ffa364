"""How certain a value in a site's file is. Most values come from papers, manuals and repositories, few from the site itself."""

from pydantic import Field

from esd_build.data.certainty import Certainty
from esd_build.data.documents import Document


class Evidence(Document):
    """Where one value comes from. With `verify: true`, the preflight checks the value before a run relies on it."""

    certainty: Certainty
    source: str = Field("", description="who says so")
    verify: bool = Field(False, description="a guess: checked by the preflight against what the site said of itself")

    def __str__(self) -> str:
        mark = ", to be verified" if self.verify else ""
        return f"{self.certainty}{mark}" + (f": {self.source}" if self.source else "")
