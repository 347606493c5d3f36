select
    execution.id, execution.organization_id, execution.seq, execution.ended_at_ms is null as is_live,
    (select count(*) from journal where journal.execution_id = execution.id) as row_count,
    (select max(journal.seq) from journal where journal.execution_id = execution.id) as greatest
from execution
where execution.id > $1
order by execution.id
limit $2
