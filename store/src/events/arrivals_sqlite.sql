select event_arrival.position, event.id
from event_arrival
join event on event.id = event_arrival.event_id
where event.organization_id = ?1 and event_arrival.position > ?2
order by event_arrival.position
limit ?3
