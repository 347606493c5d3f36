-- a step through the index, however many wait for the same key
select workflow_id, key
from slot
where not held and (workflow_id, key) > ($1, $2)
order by workflow_id, key
limit 1
