"""A program with a DBOS app of its own, which does one job as a workflow.

python own_app.py DSN SCHEMA ADDRESS JOB
"""

from __future__ import annotations

import os
import sys

from dbos import DBOS, DBOSConfig, SetWorkflowID

from confluence_groups_sdk import ApiToken, ConfigurationError, ConfluenceGroups
from confluence_groups_sdk.fleet import Postgres, Worker, register_workflows


def main(dsn: str, schema: str, address: str, job: str) -> None:
    auth = ApiToken(os.environ["CONFLUENCE_EMAIL"], os.environ["CONFLUENCE_API_TOKEN"])
    config: DBOSConfig = {"name": "own-app", "system_database_url": dsn, "dbos_system_schema": f"{schema}_own"}
    DBOS(config=config)
    with Postgres(dsn, schema=schema) as shared:
        workflows = register_workflows(shared, lambda _site: ConfluenceGroups(address, auth=auth))
        DBOS.launch()
        try:
            with SetWorkflowID("own"):
                print(workflows.offboard_site(job))
            try:
                Worker(shared, {}).run()
            except ConfigurationError as error:
                print(error)
        finally:
            DBOS.destroy()


if __name__ == "__main__":
    main(*sys.argv[1:])
