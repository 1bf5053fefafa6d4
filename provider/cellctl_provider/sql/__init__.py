"""`cellctl:sql:CellDatabase`: a cell's database with its one identity, over python-tds and verified TLS."""
