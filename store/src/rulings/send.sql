insert into signal (organization_id, execution_id, data, created_at_ms, delivered)
values ($1, $2, $3, $4, false)
