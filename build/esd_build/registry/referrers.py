"""What belongs to an image in a registry: OCI referrers, and the tag scheme for registries that have no API for them.

OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema".
"""

from pydantic import ValidationError

from esd_build.data.errors import ToolError
from esd_build.data.reference import ImageReference
from esd_build.registry import manifests
from esd_build.registry.manifests import INDEX, Attachment, Descriptor, Index, Manifest
from esd_build.registry.session import Connection

_TRIES = 5
_OK_OR_NONE = frozenset({200, 404})


class Referrers:
    """Those of the images in one repository."""

    def __init__(self, connection: Connection, repository: ImageReference) -> None:
        self._connection = connection
        self._container = connection.container(repository)

    def of(self, digest: str) -> list[Descriptor]:
        """The manifests that refer to an image; [] if there are none."""
        url = f"https://{self._connection.host}/v2/{self._container.api_prefix}/referrers/{digest}"
        doing = f"listing what belongs to {digest}"
        answer = self._connection.patiently("GET", url, doing, accepted=_OK_OR_NONE, headers={"Accept": INDEX})
        # A proxy that knows no such address may answer 200 with a page.
        if answer.ok and answer.headers.get("Content-Type", "").startswith(INDEX):
            return manifests.parse(answer.content, Index, doing).manifests
        return self._tagged(digest)

    def add(self, digest: str, referrer: Descriptor) -> None:
        """Put a manifest into the list that the fallback tag names. Others may do the same just now, so it is read back."""
        for _try in range(_TRIES):
            known = self._tagged(digest)
            if any(descriptor.digest == referrer.digest for descriptor in known):
                return
            self._write(digest, [*known, referrer])
        raise ToolError(f"others change the list of what belongs to {digest} all the time; try again")

    def attachment(self, descriptor: Descriptor) -> Attachment | None:
        """A referrer with its document; None if it is none of one document. Some writers leave the type out of the list."""
        url = f"https://{self._container.manifest_url(descriptor.digest)}"
        doing = f"reading {descriptor.digest}"
        content = self._connection.patiently("GET", url, doing, headers={"Accept": descriptor.mediaType}).content
        if manifests.digest_of(content) != descriptor.digest:
            raise ToolError(f"{doing}: the registry answered with another manifest; do not use it, tell the registry's administrator")
        try:
            manifest = Manifest.model_validate_json(content)
        except ValidationError:
            return None
        if len(manifest.layers) != 1:
            return None
        layer = manifest.layers[0]
        kind = manifest.artifactType or manifest.config.mediaType
        return Attachment(kind, descriptor.digest, layer.digest, layer.size, manifest.annotations or {})

    def _tagged(self, digest: str) -> list[Descriptor]:
        doing = f"listing what belongs to {digest}"
        answer = self._connection.patiently("GET", self._tag_url(digest), doing, accepted=_OK_OR_NONE, headers={"Accept": INDEX})
        return manifests.parse(answer.content, Index, doing).manifests if answer.ok else []

    def _write(self, digest: str, listed: list[Descriptor]) -> None:
        self._connection.patiently(
            "PUT",
            self._tag_url(digest),
            f"writing the list of what belongs to {digest}",
            accepted=frozenset({201, 202}),
            headers={"Content-Type": INDEX},
            data=manifests.index_bytes(listed),
        )

    def _tag_url(self, digest: str) -> str:
        return f"https://{self._container.manifest_url(digest.replace(':', '-', 1))}"
