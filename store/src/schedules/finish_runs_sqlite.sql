-- a run that was finished already, by whoever started it too, stays as it is
update schedule_run
set state = given.state, execution_id = given.execution_id, note = given.note, is_open = given.is_open, fired_at_ms = ?2
from (
    select
        unhex(value ->> 'id') as id,
        value ->> 'state' as state,
        unhex(value ->> 'execution_id') as execution_id,
        value ->> 'note' as note,
        value ->> 'is_open' as is_open
    from json_each(?1)
) as given
where schedule_run.id = given.id and schedule_run.state = 0
