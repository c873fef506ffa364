"""The paths of ParaStation's files. Nothing here acts."""

from dataclasses import dataclass
from pathlib import Path

from esd_localsite.state.layout import Layout


@dataclass(frozen=True)
class Places:
    """ParaStation's folder in one site's state directory."""

    layout: Layout

    @property
    def store(self) -> Path:
        """What was built, one folder for each source and machine: outside of any checkout, for all sites."""
        return self.layout.root / ".parastation"

    @property
    def folder(self) -> Path:
        return self.layout.state / "parastation"

    @property
    def installed(self) -> Path:
        """A link to the folder of the store that this site runs."""
        return self.folder / "installed"

    def daemon(self, node: str) -> Path:
        """One node's /etc/parastation.conf."""
        return self.folder / f"{node}.conf"

    @property
    def plugins(self) -> Path:
        """The plugins' configuration files, mounted over those in `installed/plugins`."""
        return self.folder / "plugins"
