"""One case as a C program."""
