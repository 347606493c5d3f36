-- whoever rests can run now; whoever runs finds the count at the next commit
update execution
set
    signals = signals + 1,
    status = case when status in (2, 3, 4) then 0 else status end,
    wake_at_ms = case when status in (2, 3, 4) then null else wake_at_ms end,
    pushed_at_ms = case when status in (2, 3, 4) then $3 else pushed_at_ms end
where id = $1 and organization_id = $2 and ended_at_ms is null
returning queue, priority, status
