-- the row says when all turns that were given are over: those asked for now come behind them, or begin at once
insert into rate (organization_id, scope_id, key, free_at_us)
values ($1, $2, $3, $4::int8 + $5::int8)
on conflict (organization_id, scope_id, key) do update
set free_at_us = greatest(rate.free_at_us, $4::int8) + $5::int8
returning free_at_us
