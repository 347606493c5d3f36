-- a step through the index, however much is queued
select queue
from execution
where status = 0 and queue > $1
order by queue
limit 1
