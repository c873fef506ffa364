"""Spack itself, in the builder image: its pinned trees and its command line."""
