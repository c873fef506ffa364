"""OCI registries, through oras: the only module that knows their words and errors.

An image is one OCI artifact: a manifest whose one layer is the SIF file, with the media types that Apptainer itself pushes and pulls
(`apptainer push`, `internal/pkg/client/oras` in its sources).
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oras.auth
import oras.oci
import oras.provider
import requests
from oras.container import Container
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from esd_build.documents import nearest
from esd_build.errors import ToolError, UsageError
from esd_build.reference import ImageReference

SIF_LAYER = "application/vnd.sylabs.sif.layer.v1.sif"
SIF_CONFIG = "application/vnd.sylabs.sif.config.v1+json"
_CHUNK = 16 * 1024**2
_TIMEOUTS_S = (5, 120)  # to connect, between two bytes


@dataclass(frozen=True)
class Credentials:
    """A registry account; never printed."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"


@dataclass(frozen=True)
class PublishedImage:
    """An image as a registry serves it: `reference` has the manifest's digest, `sif_digest` and `size` (bytes) are the SIF file's."""

    reference: ImageReference
    sif_digest: str
    size: int
    annotations: Mapping[str, str]


class _Adapter(HTTPAdapter):
    """Every request has a time limit, and a connection that fails once is tried again soon."""

    def __init__(self) -> None:
        super().__init__(max_retries=Retry(total=2, backoff_factor=0.3, status_forcelist=[502, 503, 504]))

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        return super().send(request, *args, **{**options, "timeout": options.get("timeout") or _TIMEOUTS_S})


class _Client(oras.provider.Registry):  # type: ignore[misc]
    # oras' own retry goes on for two minutes where nothing listens; _Adapter's is short.
    do_request = oras.provider.Registry.do_request.__wrapped__


class Registry:
    """A live connection to one registry; TLS is verified, with the machine's certificate authorities or with `ca_file`."""

    def __init__(self, host: str, *, ca_file: Path | None = None, credentials: Credentials | None = None) -> None:
        if ca_file is not None and not ca_file.is_file():
            raise UsageError(f"{ca_file}: no such file; it should hold the certificate authority of registry {host}")
        self.host = host
        self._client = _Client(host, tls_verify=str(ca_file) if ca_file else True)
        self._client.session.mount("https://", _Adapter())
        if credentials is not None:
            self._client.auth.set_basic_auth(credentials.username, credentials.password)

    def resolve(self, reference: ImageReference) -> PublishedImage:
        """What the registry serves under a tag or digest.

        Raises UsageError where there is no such image, ToolError where the registry does not answer or answers with something else
        than was asked for.
        """
        with self._errors(f"looking up {reference}"):
            response = self._client.do_request(
                f"https://{self._container(reference).manifest_url()}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"}
            )
            if response.status_code == requests.codes.not_found:
                raise UsageError(f"{reference} is not in the registry; {nearest(reference.tag or '', self._tags(reference))}")
            response.raise_for_status()
        return _published(reference, response.content)

    def push(self, image: Path, reference: ImageReference, annotations: Mapping[str, str]) -> PublishedImage:
        """Push a SIF file under a tag, read it back, and return it with its digest.

        The tag is written last, so that an interrupted push leaves no half image. The same file and annotations give the same digest.
        """
        container = self._container(reference)
        with self._errors(f"pushing {image.name} to {reference}"):
            layer = oras.oci.NewLayer(str(image), media_type=SIF_LAYER)
            layer["annotations"] = {"org.opencontainers.image.title": image.name}
            if not self._client.blob_exists(layer, container):
                _accepted(self._client.chunked_upload(str(image), container, layer, chunk_size=_CHUNK))
            manifest = oras.oci.NewManifest() | {
                "config": self._push_config(container),
                "layers": [layer],
                "annotations": dict(annotations),
            }
            _accepted(self._client.upload_manifest(manifest, container))
        found = self.resolve(reference)
        if (found.sif_digest, found.size) != (layer["digest"], layer["size"]) or not self._has(container, found):
            raise ToolError(
                f"registry {self.host} serves another image as {reference} than was pushed just now; did somebody else push it?"
            )
        return found

    def pull(self, published: PublishedImage, target: Path) -> Path:
        """Fetch a SIF file. It appears under `target` whole and with the right digest, or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", suffix=".part") as part:
            with self._errors(f"pulling {published.reference}"):
                found = self._download(published, part)
            if found != published.sif_digest:
                raise ToolError(
                    f"{published.reference}: the file that came has digest {found}, its manifest says {published.sif_digest}; try again"
                )
            os.link(part.name, f"{part.name}.whole")
        Path(f"{part.name}.whole").replace(target)
        return target

    def _download(self, published: PublishedImage, target: Any) -> str:
        digest = hashlib.sha256()
        with self._client.get_blob(self._container(published.reference), published.sif_digest, stream=True) as response:
            response.raise_for_status()
            for chunk in response.iter_content(chunk_size=1024**2):
                digest.update(chunk)
                target.write(chunk)
        target.flush()
        return f"sha256:{digest.hexdigest()}"

    def _container(self, reference: ImageReference) -> Container:
        container = Container(str(reference), registry=self.host)
        self._client.auth.load_configs(container)
        return container

    def _push_config(self, container: Container) -> dict[str, Any]:
        """Apptainer's configuration object is empty; its media type says that the layer is a SIF file."""
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            file.write(b"{}")
            file.flush()
            config, path = oras.oci.ManifestConfig(file.name, SIF_CONFIG)
            _accepted(self._client.upload_blob(path, container, config))
        config.pop("annotations", None)
        return dict(config)

    def _has(self, container: Container, published: PublishedImage) -> bool:
        response = self._client.do_request(f"https://{container.get_blob_url(published.sif_digest)}", "HEAD")
        return response.ok and int(response.headers.get("Content-Length", -1)) == published.size

    def _tags(self, reference: ImageReference) -> list[str]:
        response = self._client.do_request(f"https://{self._container(reference).tags_url()}")
        return [str(tag) for tag in response.json().get("tags") or []] if response.ok else []

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise ToolError(
                f"{doing}: the certificate of {self.host} is not trusted; name its authority with --ca-file ({error})"
            ) from error
        except requests.exceptions.ConnectionError as error:
            raise ToolError(f"{doing}: registry {self.host} does not answer; is it up (local site: `esd-deploy local up`)?") from error
        except (requests.exceptions.RequestException, oras.auth.AuthenticationException, ValueError) as error:
            raise ToolError(f"{doing}: registry {self.host} refused: {error}") from error
        except OSError as error:
            raise ToolError(
                f"{doing}: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}; is the disk full?"
            ) from error


def _published(reference: ImageReference, manifest: bytes) -> PublishedImage:
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    if reference.digest not in {None, digest}:
        raise ToolError(
            f"{reference}: the registry answered with another manifest ({digest}); do not use it, tell the registry's administrator"
        )
    try:
        content = json.loads(manifest)
        layer = next(layer for layer in content["layers"] if layer["mediaType"] == SIF_LAYER)
        return PublishedImage(reference.with_digest(digest), str(layer["digest"]), int(layer["size"]), content.get("annotations") or {})
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UsageError(f"{reference} is not an Apptainer image (no layer of type {SIF_LAYER})") from error


def _accepted(response: requests.Response) -> None:
    """Raises HTTPError with the registry's own words where it did not accept an upload."""
    if not response.ok:
        raise requests.HTTPError(f"{response.status_code} {response.reason}: {response.text[:300]}", response=response)
