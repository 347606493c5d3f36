update audit_head
set seq = given.seq, hash = given.hash, seal = given.seal
from unnest($1::uuid[], $2::int8[], $3::text[], $4::text[]) as given (organization_id, seq, hash, seal)
where audit_head.organization_id = given.organization_id
