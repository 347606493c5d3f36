select coalesce(max(seq), 0)
from audit_entry
where organization_id = ?1
