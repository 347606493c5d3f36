insert into retention (scope_id, organization_id, completed_ms, failed_ms, cancelled_ms)
values ($1, $2, $3, $4, $5)
on conflict (scope_id) do update set
    completed_ms = excluded.completed_ms,
    failed_ms = excluded.failed_ms,
    cancelled_ms = excluded.cancelled_ms
-- another organization's workflow stays as it is, whoever names it
where retention.organization_id = excluded.organization_id
