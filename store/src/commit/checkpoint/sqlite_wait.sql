insert into wait (organization_id, execution_id, step_path, kind, due_at_ms, event, correlation, keys, target)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
