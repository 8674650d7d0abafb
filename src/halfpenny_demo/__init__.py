"""Everything on one machine with one command: servers, processes, a seeded marketplace, a journey."""
