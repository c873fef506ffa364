"""Signing keys in cosign's files: ECDSA on P-256, the private one encrypted with a password (scrypt, NaCl's secretbox).

Follows `pkg/encrypted` of go-securesystemslib, which cosign uses; a key that either of us made is good for the other.
"""

import base64
import getpass
import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import nacl.exceptions
import nacl.secret
import platformdirs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from esd_build.data.errors import UsageError

PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - the name of cosign's variable
TRUSTED = "ESD_TRUSTED_KEYS"
"""Names the folder (or one file) of the public keys whose signatures count."""

_LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_MOST_MEMORY = 256 * 1024**2


class _Parameters(BaseModel):
    """Cost of scrypt, as cosign sets it; more than 2^20 is refused, lest a file fill the memory."""

    model_config = ConfigDict(extra="forbid")

    N: int = Field(default=65536, ge=1024, le=2**20)
    r: int = Field(default=8, ge=1, le=16)
    p: int = Field(default=1, ge=1, le=16)


class _Kdf(BaseModel):
    name: Literal["scrypt"] = "scrypt"
    params: _Parameters = _Parameters()
    salt: Base64Bytes


class _Cipher(BaseModel):
    name: Literal["nacl/secretbox"] = "nacl/secretbox"
    nonce: Base64Bytes


class _Encrypted(BaseModel):
    """What is inside a private key's file."""

    kdf: _Kdf
    cipher: _Cipher
    ciphertext: Base64Bytes


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures; `source`: its file."""

    key: ec.EllipticCurvePublicKey
    source: str

    @classmethod
    def read(cls, path: Path) -> "PublicKey":
        """A PEM file. Raises UsageError if it holds no P-256 key."""
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{path} is not a public key (cosign.pub, PEM): {getattr(error, 'strerror', None) or 'not readable as one'}"
            ) from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise UsageError(f"{path} is not an ECDSA key on P-256, the only supported kind")
        return cls(key, str(path))

    @property
    def hint(self) -> str:
        """How a bundle names its key: the SHA-256 of its DER form, in base64."""
        der = self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            self.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs; never printed."""

    key: ec.EllipticCurvePrivateKey
    source: str

    def __repr__(self) -> str:
        return f"PrivateKey({self.source!r})"

    @classmethod
    def read(cls, path: Path) -> "PrivateKey":
        """A key file of cosign's. The password comes from $COSIGN_PASSWORD, else it is asked for on the terminal."""
        try:
            readable = stat.S_IMODE(path.stat().st_mode) & 0o077
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path}: {getattr(error, 'strerror', None) or 'no text'}; expected a private key, made by `esd-build keys`"
            ) from error
        if readable:
            raise UsageError(f"{path} is a private key that others can read; `chmod 600 {path}`")
        der = _decrypted(path, _encrypted(path, text), password())
        key = serialization.load_der_private_key(der, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise UsageError(f"{path} is not an ECDSA key on P-256, the only supported kind")
        return cls(key, str(path))

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key(), self.source)

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


def new_key_pair(path: Path) -> Path:
    """Make `<path>.key`, encrypted and readable by its owner only, and `<path>.pub`, which is returned. Replaces no key.

    Both or none: nothing is written before the password is known, and a private key whose public half cannot be written is removed.
    """
    named = path.with_suffix("") if path.suffix in {".key", ".pub"} else path
    private, public = named.with_name(f"{named.name}.key"), named.with_name(f"{named.name}.pub")
    for file in (private, public):
        if file.exists():
            raise UsageError(f"{file} already exists; choose another name")
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    encrypted = _pem(_encrypt(der, password(new=True)))
    try:
        _write_new(private, encrypted.encode(), 0o600)
        try:
            _write_new(
                public, key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo), 0o644
            )
        except BaseException:
            private.unlink()
            raise
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    return public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """A file that was not there, whole or not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    except BaseException:
        path.unlink()
        raise


def trusted_keys() -> tuple[PublicKey, ...]:
    """The public keys whose signatures count: all `*.pub` of $ESD_TRUSTED_KEYS, else of the user's own configuration folder.

    Raises UsageError if there is none.
    """
    place = Path(os.environ.get(TRUSTED) or platformdirs.user_config_path("esd-images") / "trusted-keys").expanduser()
    files = sorted(place.glob("*.pub")) if place.is_dir() else [path for path in (place,) if path.is_file()]
    if not files:
        raise UsageError(
            f"no trusted key: put the public key of the image's maintainer (cosign.pub) into {place}, or set ${TRUSTED} to its path"
        )
    for path in {place, *files}:
        _require_own(path)
    return tuple(PublicKey.read(file) for file in files)


def _require_own(path: Path) -> None:
    """Raises UsageError if another account could put a key there: whoever can, decides what runs."""
    status = path.stat()
    if status.st_uid not in {0, os.geteuid()} and os.geteuid() != 0:
        raise UsageError(f"{path} belongs to another account (uid {status.st_uid}), who could add any key; use a folder of your own")
    if status.st_mode & 0o022:
        raise UsageError(f"{path} is writable for others, who could add any key; `chmod go-w {path}`, and check the keys there")


def password(*, new: bool = False) -> str:
    """A key's password, never from a command line."""
    known = os.environ.get(PASSWORD)
    if known is not None:
        return known
    if not sys.stdin.isatty():
        raise UsageError(f"the key needs a password: set ${PASSWORD}, or run this command in a terminal")
    given = getpass.getpass("Password of the key: ")
    if new and getpass.getpass("Once more: ") != given:
        raise UsageError("the two passwords differ; no key was made, try again")
    return given


def _encrypted(path: Path, text: str) -> _Encrypted:
    for label in _LABELS:
        _, begin, rest = text.partition(f"-----BEGIN {label}-----")
        if begin:
            try:
                return _Encrypted.model_validate_json(base64.b64decode(rest.partition("-----END")[0]))
            except (ValueError, ValidationError) as error:
                raise UsageError(f"{path} is damaged: its header says private key, but its content is not one") from error
    raise UsageError(f"{path} is not a private key in cosign's format; `esd-build keys` makes one, `cosign import-key-pair` converts one")


def _decrypted(path: Path, known: _Encrypted, secret: str) -> bytes:
    try:
        return nacl.secret.SecretBox(_derived(known.kdf, secret)).decrypt(known.ciphertext, known.cipher.nonce)
    except nacl.exceptions.CryptoError as error:
        raise UsageError(f"{path}: wrong password (${PASSWORD})") from error


def _encrypt(der: bytes, secret: str) -> _Encrypted:
    kdf = _Kdf(salt=base64.b64encode(os.urandom(32)))
    sealed = nacl.secret.SecretBox(_derived(kdf, secret)).encrypt(der)
    return _Encrypted(kdf=kdf, cipher=_Cipher(nonce=base64.b64encode(sealed.nonce)), ciphertext=base64.b64encode(sealed.ciphertext))


def _derived(kdf: _Kdf, secret: str) -> bytes:
    cost = kdf.params
    return hashlib.scrypt(
        secret.encode(), salt=kdf.salt, n=cost.N, r=cost.r, p=cost.p, maxmem=_MOST_MEMORY, dklen=nacl.secret.SecretBox.KEY_SIZE
    )


def _pem(content: _Encrypted) -> str:
    encoded = base64.encodebytes(content.model_dump_json().replace("\\n", "").encode()).decode()
    lines = encoded.replace("\n", "")
    wrapped = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return f"-----BEGIN {_LABELS[0]}-----\n{wrapped}\n-----END {_LABELS[0]}-----\n"
