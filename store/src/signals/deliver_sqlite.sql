with
counted as (
    select signal.execution_id, signal.organization_id, count(*) as signals
    from signal
    where signal.execution_id in (select unhex(value) from json_each(?1)) and not signal.delivered
    group by signal.execution_id, signal.organization_id
)
-- whoever rests can run now; whoever runs finds the count at the next commit. What another organization sent is
-- not for it: it would count what it never finds
update execution
set
    signals = execution.signals + counted.signals,
    status = case when status in (2, 3, 4) then 0 else status end,
    wake_at_ms = case when status in (2, 3, 4) then null else wake_at_ms end,
    pushed_at_ms = case when status in (2, 3, 4) then ?2 else pushed_at_ms end
from counted
where
    execution.id = counted.execution_id
    and execution.organization_id = counted.organization_id
    and execution.ended_at_ms is null
returning id, execution.organization_id, queue, priority, status
