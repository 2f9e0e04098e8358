"""Airflow: a task for each shard, side by side, every three hours (docs/scale.md).

Put this file into the DAGs folder. SFSOURCE_PROJECT names the Meltano project, SFSOURCE_SHARDS the number of shards.
"""

from __future__ import annotations

import datetime
import os

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = os.environ.get("SFSOURCE_PROJECT", "/opt/sfsource")
SHARDS = int(os.environ.get("SFSOURCE_SHARDS", "2"))

with DAG(
    dag_id="sfsource",
    schedule="0 */3 * * *",
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    # A shard's state is of one run at a time.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": datetime.timedelta(minutes=10)},
) as dag:
    for shard in range(SHARDS):
        BashOperator(
            task_id=f"shard_{shard}",
            bash_command=f"meltano --environment=prod run tap-sfsource--shard-{shard} target-sfwarehouse",
            cwd=PROJECT,
        )
