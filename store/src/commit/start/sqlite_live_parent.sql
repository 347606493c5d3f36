select 1
from execution
where id = ?1 and organization_id = ?2 and ended_at_ms is null
