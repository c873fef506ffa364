"""Certificates of the servers of these tests: one authority, made for the session."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from esd_build.tools.process import Account
from esd_localsite.cluster.certificates import certificate_authority, issue
from esd_localsite.state.layout import TlsFiles


@dataclass(frozen=True)
class Pair:
    """A server's certificate and key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs for 127.0.0.1 and localhost. Its certificates are the local site's, which Java takes, too."""

    folder: Path

    @property
    def ca_file(self) -> Path:
        return TlsFiles(self.folder).ca

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts this authority only."""
        certificate_authority(TlsFiles(self.folder))
        return ssl.create_default_context(cafile=self.ca_file)

    def issue(self, server: str) -> Pair:
        """A certificate whose key the account of the tests' servers can read."""
        files = TlsFiles(self.folder)
        issue(certificate_authority(files), files, server, Account.current().uid)
        return Pair(files.certificate(server), files.key(server))
