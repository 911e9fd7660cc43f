"""The real git as a child process: one repository's refs, and which commit came before which."""
