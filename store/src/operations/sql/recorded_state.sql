select state_seq as seq, state from execution where id = $1 and organization_id = $2
