select
    (
        select count(*)
        from (
            select 1
            from execution
            where
                execution.worker_id is not null
                and not exists (
                    select 1
                    from worker
                    where
                        worker.id = execution.worker_id
                        and worker.stopped_at_ms is null
                        and worker.heartbeat_at_ms + worker.lease_ms >= $1
                )
            limit 1000
        ) as claimed
    )
    + (
        select count(*)
        from (
            select 1
            from execution
            where
                execution.status in (2, 3)
                and not exists (select 1 from wait where wait.execution_id = execution.id)
                and not exists (select 1 from signal where signal.execution_id = execution.id)
            limit 1000
        ) as resting
    ) as stuck
