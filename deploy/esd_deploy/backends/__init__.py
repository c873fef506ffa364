"""UNICORE and NMPI: connections, job descriptions, answers. No other room knows their words."""
