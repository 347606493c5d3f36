-- nothing is open after the end
update approval
set status = 4, decided_at_ms = $3, revision = revision + 1
where execution_id = $1 and organization_id = $2 and status = 0
