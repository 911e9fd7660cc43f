"""A tree of projects: which units there are, and what each of them deploys."""
