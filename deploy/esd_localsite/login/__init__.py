"""The registry's login: anybody may read, who has the site's password may write: `python -m esd_localsite.login --config FILE.json`."""
