-- approvals that end with their execution are told to those who follow them
insert into approval_event (organization_id, approval_id, kind, at_ms)
select organization_id, id, 'cancelled', $3
from approval
where execution_id = $1 and organization_id = $2 and status = 0
