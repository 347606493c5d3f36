with
-- what was recorded and is not counted yet
taken as (
    update signal
    set delivered = true
    where execution_id = any ($1::uuid[]) and not delivered
    returning execution_id, organization_id
),
counted as (
    select execution_id, organization_id, count(*)::int4 as signals from taken group by execution_id, organization_id
),
-- whoever rests can run now; whoever runs finds the count at the next commit. What another organization sent is
-- not for it: it would count what it never finds
told as (
    update execution
    set
        signals = execution.signals + counted.signals,
        status = case when execution.status in (2, 3, 4) then 0 else execution.status end,
        wake_at_ms = case when execution.status in (2, 3, 4) then null else execution.wake_at_ms end,
        pushed_at_ms = case when execution.status in (2, 3, 4) then $2 else execution.pushed_at_ms end
    from counted
    where
        execution.id = counted.execution_id
        and execution.organization_id is not distinct from counted.organization_id
        and execution.ended_at_ms is null
    returning execution.id, execution.organization_id, execution.queue, execution.priority, execution.status
),
-- whoever has ended takes nothing in; what was taken above is not seen by this snapshot's delete, so it goes with
-- the next delivery or with retention
forgotten as (
    delete from signal
    using execution
    where
        signal.execution_id = any ($1::uuid[]) and signal.delivered
        and execution.id = signal.execution_id and execution.ended_at_ms is not null
)
select id, organization_id, queue, priority, status from told
