"""The site's own certificate authority: made once, kept, so that whoever trusts it need not learn a new one at every start."""

import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme

from esd_localsite.state.files import write
from esd_localsite.state.layout import SERVER_NAMES, TlsFiles


def certificate_authority(files: TlsFiles) -> trustme.CA:
    """The site's certificate authority, created (with its bundle) where there is none yet."""
    if files.ca.is_file() and files.ca_key.is_file():
        return trustme.CA.from_pem(files.ca.read_bytes(), files.ca_key.read_bytes())
    authority = trustme.CA(organization_name="esd-images local site")
    write(files.ca_key, authority.private_key_pem.bytes(), mode=0o600)
    write(files.ca, authority.cert_pem.bytes())
    return authority


def write_bundle(files: TlsFiles, machine: Path | None) -> None:
    """Write the machine's certificate authorities and the site's into one file, for programs that take one file only."""
    known = machine.read_bytes().rstrip(b"\n") + b"\n" if machine is not None else b""
    write(files.bundle, known + files.ca.read_bytes())


def machine_bundle() -> Path | None:
    """The file with the certificate authorities that this machine trusts, if it has one."""
    name = ssl.get_default_verify_paths().cafile
    candidates: Iterable[str | None] = (name, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)


def issue(authority: trustme.CA, files: TlsFiles, server: str, owner: int) -> None:
    """A new certificate and key for one of the site's servers; the key is readable by the user id `owner` only."""
    leaf = authority.issue_cert(*SERVER_NAMES, common_name=server)
    write(files.key(server), leaf.private_key_pem.bytes(), mode=0o600, owner=owner)
    write(files.certificate(server), b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
