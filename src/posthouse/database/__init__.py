"""The database: one unit-of-work contract over SQLite, PostgreSQL, MySQL/MariaDB and SQL Server.

``contract.py`` says what may be assumed; ``schema.py`` holds the column types every ``records.py`` uses;
``open.py`` opens a database by URL; ``folder.py`` guards the data folder; ``migrate.py`` brings the schema up
to date. SQLite is reached through apsw only: a second SQLite library in the process would drop its locks on
the file.
"""
