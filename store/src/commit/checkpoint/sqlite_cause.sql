insert into error_group (
    id, organization_id, workflow_id, fingerprint, step, code, message, execution_id, status, first_seen_at_ms
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)
on conflict (organization_id, fingerprint) do nothing
