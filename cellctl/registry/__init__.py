"""The registry: what there is (reefs, hosts, gateways, slots, cells), who has what, who did what, who may now.

    database = Database.file(path)          # or Database("postgresql+psycopg://HOST/NAME")
    migrate(database)
    claims.claim(database, request)

SQLAlchemy Core over SQLite or PostgreSQL. Importing this package loads nothing: import its modules.
"""
