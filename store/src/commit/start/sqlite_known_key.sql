select execution_id, fingerprint
from start_key
where organization_id = ?1 and key = ?2
