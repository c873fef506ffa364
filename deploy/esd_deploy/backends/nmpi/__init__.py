"""A neuromorphic job queue (EBRAINS NMPI). No other room knows its words."""
