"""Sigstore bundles: what cosign attaches to an image that it signs. Pure.

`application/vnd.dev.sigstore.bundle.v0.3+json` (sigstore/protobuf-specs), with a DSSE envelope (secure-systems-lab/dsse) around an in-toto
statement (in-toto/attestation) of the type that `cosign sign` writes. There is no entry in a transparency log.
"""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from esd_build.signing.claims import Claims
from esd_build.signing.keys import PrivateKey, PublicKey

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://sigstore.dev/cosign/sign/v1"
STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"

LONGEST = 1024**2
"""Bytes of the longest bundle that is read."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Signature(_Part):
    sig: Base64Bytes


class _Envelope(_Part):
    payload: Base64Bytes
    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815 - the format's word
    signatures: Annotated[list[_Signature], Field(min_length=1, max_length=16)]


class _Bundle(_Part):
    dsseEnvelope: _Envelope  # noqa: N815 - the format's word


class _Subject(_Part):
    digest: dict[str, str]
    annotations: dict[str, Any] | None = None


class _Statement(_Part):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[_Subject], Field(min_length=1)]
    predicateType: str  # noqa: N815 - the format's word


def make(digest: str, key: PrivateKey, annotations: Mapping[str, str] | None = None) -> bytes:
    """The bundle of a signature over a manifest's digest, and over annotations of it."""
    subject = {"digest": {"sha256": digest.removeprefix("sha256:")}, "annotations": dict(annotations or {})}
    payload = _json({"_type": STATEMENT, "subject": [subject], "predicateType": PREDICATE, "predicate": {}})
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD,
        "signatures": [{"sig": base64.b64encode(key.sign(_signed(payload))).decode()}],
    }
    return _json({"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": key.public.hint}}, "dsseEnvelope": envelope})


def says(bundle: bytes, digest: str, key: PublicKey) -> bool:
    """Whether a bundle is a signature by this key over this digest; False for whatever else it is."""
    return claims(bundle, digest, key) is not None


def claims(bundle: bytes, digest: str, key: PublicKey) -> Claims | None:
    """What a bundle claims of this digest, signed by this key; None for whatever else it is."""
    try:
        envelope = _Bundle.model_validate_json(bundle).dsseEnvelope
        statement = _Statement.model_validate_json(envelope.payload)
    except ValidationError:
        return None
    about = next((one for one in statement.subject if one.digest.get("sha256") == digest.removeprefix("sha256:")), None)
    signed = any(key.verifies(signature.sig, _signed(envelope.payload)) for signature in envelope.signatures)
    if about is None or statement.predicateType != PREDICATE or not signed:
        return None
    try:
        return Claims.read(about.annotations or {})
    except ValueError:
        return None


def _signed(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
