insert into reconciler (name, last_run_at_ms, last_duration_us, last_count, repaired, last_error)
values ($1, $2, $3, $4, $5, $6)
on conflict (name) do update set
    last_run_at_ms = excluded.last_run_at_ms,
    last_duration_us = excluded.last_duration_us,
    last_count = excluded.last_count,
    repaired = reconciler.repaired + excluded.repaired,
    last_error = excluded.last_error
