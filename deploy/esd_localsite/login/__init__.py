"""The registry's login: anybody can pull, holders of the site's password can push: `python -m esd_localsite.login --config FILE.json`."""
