"""What a change to the repository does to every cell, as one report: for a comment, a check, a page or a program.

`repository` reads git, `changes` finds the cells whose plan can change, `looking` previews them, `grouping` puts equal
plans together into a `report.Report`, which `comment`, `page`, `check` and `report_file` draw. `ports.Forge` is where a
comment goes; `github` is one. Pure but for `repository`, `looking` and `github`; nothing here reads the environment.
"""
