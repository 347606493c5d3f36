update schedule_run
set state = 0, execution_id = given.execution_id, fired_at_ms = ?2
from (
    select unhex(value ->> 'id') as id, unhex(value ->> 'execution_id') as execution_id
    from json_each(?1)
) as given
where schedule_run.id = given.id and schedule_run.state = 3
