"""A person at the browser: opens the page of a login, logs in at Keycloak, allows what is asked. Form by form, as a browser posts them."""

import html
import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx
from tests.real.keycloak import Keycloak

MOST_FORMS = 5
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


@dataclass
class Person:
    """One user with a fresh browser."""

    keycloak: Keycloak
    user: str = "esd"
    forms: list[str] = field(default_factory=list)

    def confirm(self, page: str) -> str:
        """Goes through all forms; gives the last page's text."""
        with httpx.Client(verify=self.keycloak.authority.tls, timeout=60, follow_redirects=True, trust_env=False) as browser:
            shown = browser.get(page)
            for _ in range(MOST_FORMS):
                found = _FORM.search(shown.text)
                if found is None:
                    break
                action, fields = urljoin(str(shown.url), html.unescape(found[1])), found[2]
                shown = browser.post(action, data=self._filled(fields))
        return re.sub(r"<[^>]+>|\s+", " ", shown.text)

    def _filled(self, form: str) -> dict[str, str]:
        if 'name="username"' in form:
            self.forms.append("login")
            return {"username": self.user, "password": self.keycloak.password}
        fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(form)}
        self.forms.append("consent")
        return {**{name: value for name, value in fields.items() if name != "cancel"}, "accept": "Yes"}
