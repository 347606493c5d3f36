-- Addresses with a message that is due at $1 and room for another one beside those that are under way, $2 at most.
-- Those of organizations and those addresses that have the fewest under way come first: slow ones wait for themselves.
select id
from (
    select
        endpoint.id,
        (select count(*) from webhook_delivery other
            where other.lease_until_ms > 0 and other.organization_id = endpoint.organization_id
                and other.lease_until_ms > $1) as of_organization,
        (select count(*) from webhook_delivery other
            where other.lease_until_ms > 0 and other.organization_id = endpoint.organization_id
                and other.endpoint_id = endpoint.id and other.lease_until_ms > $1) as of_address,
        (select min(other.due_at_ms) from webhook_delivery other
            where other.due_at_ms is not null and other.endpoint_id = endpoint.id
                and other.due_at_ms <= $1 and other.lease_until_ms <= $1) as first_due
    from webhook_endpoint endpoint
    where endpoint.is_enabled
) address
where first_due is not null and of_address < $2
order by of_organization, of_address, first_due
limit $3
