"""The job of a site: what is asked for, what is stored about it, and the function that does it on any host.

`requests` says what is asked for. `store` keeps jobs in tables. `site_job` does a job in two steps, `plan_job` and
`apply_job`, which can be repeated.
"""
