"""A second copy of what the SQLite database holds, in a file of its own (``records.db``), and the repair that makes a
lost or damaged database anew from it. Bodies are files already. Other database servers have their own means."""
