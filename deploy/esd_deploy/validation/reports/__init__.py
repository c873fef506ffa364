"""A validation's result as a document, a page, a table, JUnit XML."""
