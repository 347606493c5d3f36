insert into audit_entry (
    organization_id, seq, id, at_ms, actor_id, actor_kind, actor_name, action, outcome, code,
    target_type, target_id, target_name, changes, reason, remote_address, user_agent, request_id,
    previous_hash, hash
)
select *
from unnest(
    $1::uuid[], $2::int8[], $3::uuid[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
    $19::text[], $20::text[]
)
