"""The paths of the server's and the TSI's files. Nothing here acts."""

from dataclasses import dataclass
from pathlib import Path

from esd_localsite.state.layout import Layout

SERVER = "unicorex"
"""The name of the server's certificate, and of its daemon."""
TSI = "tsi"
"""The same of the TSI."""


@dataclass(frozen=True)
class Places:
    """The server's folder in one site's state directory."""

    layout: Layout

    @property
    def folder(self) -> Path:
        return self.layout.state / "unicorex"

    @property
    def configuration(self) -> Path:
        """The folder that root writes and the server only reads."""
        return self.folder / "conf"

    @property
    def main(self) -> Path:
        """The server's properties; they hold the secret of its tokens."""
        return self.configuration / "unicorex.properties"

    @property
    def applications(self) -> Path:
        """Partitions, resources, applications: UNICORE's "IDB"."""
        return self.configuration / "idb.json"

    @property
    def logging(self) -> Path:
        return self.configuration / "log4j2.properties"

    @property
    def policies(self) -> Path:
        return self.configuration / "policies"

    @property
    def policy_settings(self) -> Path:
        return self.configuration / "pdp.properties"

    @property
    def passwords(self) -> Path:
        """Users and salted hashes of their passwords."""
        return self.configuration / "users.txt"

    @property
    def accounts(self) -> Path:
        """The file with each user's account."""
        return self.configuration / "accounts.json"

    @property
    def credential(self) -> Path:
        """The server's key and certificate in one file, as it expects them."""
        return self.configuration / "server.pem"

    @property
    def trusted(self) -> Path:
        return self.configuration / "trusted"

    @property
    def secret(self) -> Path:
        """The key that signs the server's tokens: created once, so that they survive a restart."""
        return self.folder / "token.key"

    @property
    def data(self) -> Path:
        """The server's database of jobs, and its temporary files."""
        return self.folder / "data"

    @property
    def tsi(self) -> Path:
        """The TSI's programs."""
        return self.folder / "tsi"

    @property
    def tsi_settings(self) -> Path:
        return self.configuration / "tsi.properties"

    @property
    def front(self) -> Path:
        """The front's settings."""
        return self.layout.unicore / "front.json"

    @property
    def jars(self) -> Path:
        """The store of the server's programs, one folder for each list of hashes: outside of any checkout, for all sites."""
        return self.layout.root / ".unicorex"
