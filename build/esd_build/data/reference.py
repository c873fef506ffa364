"""Names of images in a registry: one type with all its forms."""

import re
from dataclasses import dataclass, replace

from esd_build.data.errors import UsageError

# The grammar of the OCI distribution specification 1.1, "Pulling manifests".
_REGISTRY = re.compile(r"(?=.*[.:]|localhost)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ImageReference:
    """`registry/repository[:tag][@sha256:…]`; at least one of tag and digest is there, the digest is what counts."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Read a reference, with or without `oras://`.

        Raises UsageError that names the wrong part; a reference without tag and digest is refused, because a silent
        `latest` is what this project is there to prevent.
        """
        rest, _, digest = text.removeprefix("oras://").partition("@")
        registry, slash, path = rest.partition("/")
        repository, _, tag = path.partition(":")
        parts = (
            ("registry", registry, _REGISTRY),
            ("repository", repository, _REPOSITORY),
            ("tag", tag, _TAG),
            ("digest", digest, _DIGEST),
        )
        if not slash:
            raise UsageError(f"image reference '{text}': no registry; expected registry/repository:tag or …@sha256:<64 hex digits>")
        for name, value, grammar in parts:
            optional = name in {"tag", "digest"} and not value
            if not optional and not grammar.fullmatch(value):
                capitals = "; registries take lower-case names only" if name == "repository" and grammar.fullmatch(value.lower()) else ""
                raise UsageError(f"image reference '{text}': '{value}' is not a valid {name}{capitals}")
        if not tag and not digest:
            raise UsageError(f"image reference '{text}': neither tag nor digest; say which image is meant, e.g. '{text}:edge'")
        return cls(registry, repository, tag or None, digest or None)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def oras(self) -> str:
        """The form that Apptainer pulls: by digest where there is one."""
        return f"oras://{self.registry}/{self.repository}" + (f"@{self.digest}" if self.digest else f":{self.tag}")

    def with_digest(self, digest: str) -> "ImageReference":
        """The same image, pinned."""
        if not _DIGEST.fullmatch(digest):
            raise UsageError(f"'{digest}' is not a digest (sha256:<64 hex digits>)")
        return replace(self, digest=digest)
