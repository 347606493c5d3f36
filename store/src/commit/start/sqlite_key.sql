insert into start_key (organization_id, key, execution_id, fingerprint, created_at_ms)
values (?1, ?2, ?3, ?4, ?5)
on conflict (organization_id, key) do update
set execution_id = excluded.execution_id, fingerprint = excluded.fingerprint, created_at_ms = excluded.created_at_ms
where start_key.created_at_ms <= excluded.created_at_ms - ?6
