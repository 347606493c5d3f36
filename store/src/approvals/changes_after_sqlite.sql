select position, approval_id, kind
from approval_event
where organization_id = ?1 and position > ?2
order by position
limit ?3
