"""The programs of the real server: Java, UNICORE's files, the TSI; each file checked against its committed hash."""
