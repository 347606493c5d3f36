-- for as long as the connection is not set to another organization
select set_config('sluice.organization', $1, false)
