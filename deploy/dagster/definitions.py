"""Dagster: an asset for each shard, side by side, every three hours (docs/scale.md).

    dagster dev -f deploy/dagster/definitions.py

SFSOURCE_PROJECT names the Meltano project, SFSOURCE_SHARDS the number of shards, MELTANO_ENVIRONMENT its environment.
"""

import os
import subprocess

import dagster

PROJECT = os.environ.get("SFSOURCE_PROJECT", "/opt/sfsource")
SHARDS = int(os.environ.get("SFSOURCE_SHARDS", "2"))
ENVIRONMENT = os.environ.get("MELTANO_ENVIRONMENT", "prod")


def shard_asset(number: int) -> dagster.AssetsDefinition:
    """The collections of one shard; its state is Meltano's."""

    @dagster.asset(
        name=f"shard_{number}", group_name="salesforce", retry_policy=dagster.RetryPolicy(max_retries=2)
    )
    def shard(context: dagster.AssetExecutionContext) -> None:
        command = [
            "meltano",
            f"--environment={ENVIRONMENT}",
            "run",
            f"tap-sfsource--shard-{number}",
            "target-sfwarehouse",
        ]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        context.log.info(done.stderr)
        if done.returncode != 0:
            raise dagster.Failure(f"shard {number} ended with status {done.returncode}: see the log")

    return shard


shards = [shard_asset(number) for number in range(SHARDS)]
every_three_hours = dagster.ScheduleDefinition(
    name="salesforce_every_3_hours",
    cron_schedule="0 */3 * * *",
    job=dagster.define_asset_job("salesforce", selection=dagster.AssetSelection.groups("salesforce")),
)
definitions = dagster.Definitions(assets=shards, schedules=[every_three_hours])
