update schedule
set due_ms = given.due_ms, next_at_ms = given.next_at_ms, wake_at_ms = given.wake_at_ms
from jsonb_to_recordset($1::jsonb) as given (id uuid, due_ms int8, next_at_ms int8, wake_at_ms int8)
where schedule.id = given.id
