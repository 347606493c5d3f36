insert into wait (organization_id, execution_id, step_path, kind, due_at_ms)
values (?1, ?2, ?3, ?4, ?5)
