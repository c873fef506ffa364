"""Signatures of images by digest, as cosign makes and checks them (with a key): either side can be cosign itself.

What is signed is an in-toto statement that names the manifest's digest, in a DSSE envelope, in a Sigstore bundle, attached
to the image.
"""

from esd_build.signing.keys import PrivateKey, PublicKey, new_key_pair, trusted_keys
from esd_build.signing.signatures import SIGNATURE, Verdict, check, require, sign

__all__ = ["SIGNATURE", "PrivateKey", "PublicKey", "Verdict", "check", "new_key_pair", "require", "sign", "trusted_keys"]
