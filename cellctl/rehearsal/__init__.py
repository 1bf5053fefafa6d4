"""Rehearsals: what other versions of provider SDKs would do to cells, before any cell is touched.

    found = rehearse(home, ["acme"], [Requirement.of("pulumi-aws==7.50.0")], options=RunOptions(environment=…))

`shapes` reads what an SDK's classes take, `comparing` says what of it matters to a cell's state, `environment` makes
the place where other versions are installed, `rehearsing` puts it together and previews where that can be done.
"""
