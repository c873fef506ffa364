import os
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from esd_localsite.cluster.certificates import certificate_authority, issue, write_bundle
from esd_localsite.state.layout import TlsFiles


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return TlsFiles(tmp_path)


def test_the_authority_stays_the_same(files: TlsFiles) -> None:
    certificate_authority(files)
    first = files.ca.read_bytes()
    certificate_authority(files)
    assert files.ca.read_bytes() == first


def test_keys_are_private(files: TlsFiles) -> None:
    issue(certificate_authority(files), files, "registry", os.geteuid())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files.folder.iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "registry.key": 0o600, "registry.pem": 0o644}


def test_a_client_that_trusts_the_kept_authority_accepts_a_new_certificate(files: TlsFiles) -> None:
    certificate_authority(files)
    issue(certificate_authority(files), files, "registry", os.geteuid())
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate("registry"), files.key("registry"))
    handshake(ssl.create_default_context(cafile=str(files.ca)), server, "127.0.0.1")


def test_nothing_but_the_constraints_and_the_usage_is_critical(files: TlsFiles) -> None:
    """Java's UNICORE clients and servers refuse a critical list of extended uses."""
    issue(certificate_authority(files), files, "registry", os.geteuid())
    certificate = x509.load_pem_x509_certificate(files.certificate("registry").read_bytes())
    assert {extension.oid for extension in certificate.extensions if extension.critical} == {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
    }
    assert certificate.subject.rfc4514_string() == "CN=registry,O=esd-images local site"


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """A TLS handshake in memory; raises where the client does not trust the server."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(5):
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not sides


def test_the_bundle_holds_the_machines_authorities_and_the_sites(files: TlsFiles, tmp_path: Path) -> None:
    certificate_authority(files)
    machine = tmp_path / "machine.crt"
    machine.write_bytes(b"MACHINE")  # without a newline at its end
    write_bundle(files, machine)
    assert files.bundle.read_bytes() == b"MACHINE\n" + files.ca.read_bytes()
    write_bundle(files, None)
    assert files.bundle.read_bytes() == files.ca.read_bytes()
