insert into audit_head (organization_id, seq, hash, floor_seq, floor_hash, seal)
values (?1, ?2, ?3, 0, '', ?4)
on conflict (organization_id) do update
set seq = excluded.seq, hash = excluded.hash, seal = excluded.seal
