"""A new Meltano project, written from the installed package alone."""
