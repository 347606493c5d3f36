select seq, hash, floor_seq, floor_hash, seal
from audit_head
where organization_id = ?1
