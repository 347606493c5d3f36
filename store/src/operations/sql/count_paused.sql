select count(*) as paused
from (select 1 from execution where paused_at_ms is not null and paused_at_ms < $1 limit 1000) as long
