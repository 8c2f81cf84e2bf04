"""A typed Python client of the API, with the object tree that hMailServer scripters know."""
