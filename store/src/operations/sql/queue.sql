select
    (
        select count(*)
        from (select 1 from execution where status = 0 and queue = $1 limit 100001) as some_queued
    ) as waiting,
    (
        select count(*)
        from (select 1 from execution where worker_id is not null and queue = $1 limit 100001) as some_running
    ) as running,
    -- ids sort by acceptance, so each priority has its oldest at the front of the index
    (
        select min(oldest.at_ms)
        from (
            select (
                select execution.queued_at_ms
                from execution
                where execution.status = 0 and execution.queue = $1 and execution.priority = priorities.priority
                order by execution.id
                limit 1
            ) as at_ms
            from (
                select 0 as priority union all select 1 union all select 2 union all select 3 union all select 4
                union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
            ) as priorities
        ) as oldest
    ) as oldest_at_ms
