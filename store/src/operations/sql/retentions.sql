select scope_id, completed_ms, failed_ms, cancelled_ms
from retention
where organization_id = $1 and scope_id in ({ids})
