update schedule
set due_ms = given.due_ms, next_at_ms = given.next_at_ms, wake_at_ms = given.wake_at_ms
from (
    select
        unhex(value ->> 'id') as id,
        value ->> 'due_ms' as due_ms,
        value ->> 'next_at_ms' as next_at_ms,
        value ->> 'wake_at_ms' as wake_at_ms
    from json_each(?1)
) as given
where schedule.id = given.id
