"""The issuing desk: the firmware in issuing mode. It issues and loads cards by jobs fetched from the server.

`service` is the loop, `issuing` the work on one job, `sight` what lies on the reader, `book` the records of issues,
`link` the way to the server, `config` the station's settings.
"""
