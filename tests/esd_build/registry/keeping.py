"""A stand-in for a registry that keeps every byte of an upload that was cut, as the OCI distribution specification 1.1 has it.

Only uploads are its own; whole blobs and all else go to the real docker-registry behind it, which forgets an upload that is cut inside a
chunk.
"""

import hashlib
import re
import ssl
import urllib.parse

import httpx
from tests.esd_build.registry.proxy import Fault, FaultProxy, Handler
from tests.esd_build.registry.servers import RegistryServer

_UPLOAD = re.compile(r"(?P<place>/v2/.+/blobs/uploads/)(?P<id>[0-9]*)")


class Keeping(FaultProxy):
    """`uploads`: what has come so far, by the number of the upload."""

    def __init__(self, upstream: RegistryServer) -> None:
        super().__init__(upstream)
        self.uploads: dict[str, bytearray] = {}

    def answer(self, handler: Handler) -> bool:
        url = urllib.parse.urlsplit(handler.path)
        match = _UPLOAD.fullmatch(url.path)
        if match is None:
            return False
        number = match["id"] or str(len(self.uploads) + 1)
        if handler.command == "POST":
            self.uploads[number] = bytearray()
        kept = self.uploads.get(number)
        if kept is None:
            handler.reply(404)
            return True
        status = {"POST": 202, "GET": 204, "PATCH": 202, "PUT": 201}[handler.command]
        if handler.command == "PATCH":
            status = self._more(handler, kept, self.fault_for("PATCH", handler.path))
        if handler.command == "PUT":
            for block in handler.body():
                kept += block
            status = self._whole(match["place"], bytes(kept), dict(urllib.parse.parse_qsl(url.query))["digest"])
        # A relative address, as some registries give it.
        handler.reply(status, headers={"Location": f"{match['place']}{number}", "Range": f"0-{max(len(kept) - 1, 0)}"})
        return True

    def _more(self, handler: Handler, kept: bytearray, fault: Fault | None) -> int:
        if not handler.headers.get("Content-Range", "").startswith(f"{len(kept)}-"):
            return 416
        for block in handler.body(fault.cut_request_after if fault else None):
            kept += block
        return 202

    def _whole(self, place: str, content: bytes, digest: str) -> int:
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            return 400
        context = ssl.create_default_context(cafile=str(self.upstream.tls.ca_file))
        with httpx.Client(base_url=f"https://{self.upstream.host}", verify=context, timeout=300) as client:
            begun = client.post(place).raise_for_status()
            headers = {"Content-Type": "application/octet-stream"}
            client.put(f"{begun.headers['Location']}&digest={digest}", content=content, headers=headers).raise_for_status()
        return 201
