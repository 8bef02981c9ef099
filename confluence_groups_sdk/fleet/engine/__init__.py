"""The engine of a fleet: DBOS runs the jobs as durable workflows, and workers take over from workers that died.

`worker` is the process that does jobs. `workflows` has the workflows, which programs with a DBOS app of their own can
register. `worker_table` has the heartbeats, `takeover` what survivors do, and `lease` keeps a slow worker from sending.
`dbos_app` is the only module that starts DBOS.
"""
