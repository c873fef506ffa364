"""The site's own certificate authority: created once and kept, so that clients need not trust a new one after every start."""

import ssl
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from esd_localsite.state.files import write
from esd_localsite.state.layout import SERVER_NAMES, TlsFiles

ORGANISATION = "esd-images local site"
_DAYS = 730


def certificate_authority(files: TlsFiles) -> trustme.CA:
    """The site's certificate authority, created (with its bundle) if it does not exist yet."""
    if files.ca.is_file() and files.ca_key.is_file():
        return trustme.CA.from_pem(files.ca.read_bytes(), files.ca_key.read_bytes())
    authority = trustme.CA(organization_name=ORGANISATION)
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
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(authority, key.public_key(), server)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write(files.key(server), key.private_bytes(*form), mode=0o600, owner=owner)
    write(files.certificate(server), certificate.public_bytes(serialization.Encoding.PEM))


def _signed(authority: trustme.CA, key: ec.EllipticCurvePublicKey, server: str) -> x509.Certificate:
    """The certificate. Its key usages are not critical: UNICORE and other Java programs refuse critical ones."""
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signer = serialization.load_pem_private_key(authority.private_key_pem.bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)  # noqa: S101 - trustme makes these two
    now = datetime.now(UTC)
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION), x509.NameAttribute(NameOID.COMMON_NAME, server)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + timedelta(days=_DAYS))
    )
    for extension, critical in _extensions(issuer, key):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, hashes.SHA256())


def _extensions(issuer: x509.Certificate, key: ec.EllipticCurvePublicKey) -> Iterator[tuple[x509.ExtensionType, bool]]:
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
    )
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield x509.KeyUsage(digital_signature=True, key_encipherment=True, **usage), True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
    yield x509.SubjectAlternativeName([_name(name) for name in SERVER_NAMES]), False
    yield x509.SubjectKeyIdentifier.from_public_key(key), False
    yield x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
