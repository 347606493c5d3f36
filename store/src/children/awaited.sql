-- all that live and are awaited, in the order of their index, so that a run goes on where the one before stopped
select
    child.organization_id,
    child.parent_id,
    child.id,
    child.signals,
    -- what there is to hope for: a parent that lives, or news that is on its way to the child
    (
        (
            select count(*)
            from execution as parent
            where parent.id = child.parent_id and parent.ended_at_ms is null
        ) + (
            select count(*)
            from signal
            where signal.execution_id = child.id and not signal.delivered
        )
    ) as hopes
from execution as child
where child.awaited and child.ended_at_ms is null and (child.parent_id, child.id) > ($1, $2)
order by child.parent_id, child.id
limit $3
