-- the end of the whole life that the other version allows
insert into wait (organization_id, execution_id, step_path, kind, due_at_ms)
values ($1, $2, '', 'deadline', $3)
