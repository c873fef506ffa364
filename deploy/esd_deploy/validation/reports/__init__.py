"""Writes a validation's result as a document, a page, a table and JUnit XML."""
