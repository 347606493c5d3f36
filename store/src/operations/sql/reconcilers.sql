select name, last_run_at_ms, last_duration_us, last_count, repaired, last_error
from reconciler
order by name
limit 100
