-- How much each user does, and what they did last:
-- {"users": {"user-001": {"event_count": 2, "last_event": "logged_in"}}}.
return {
  events = { category = "user" },
  reduce = function(state, event)
    state.users = state.users or {}
    local users = state.users
    local user = users[event.aggregate_id] or { event_count = 0 }
    user.event_count = user.event_count + 1
    user.last_event = event.event_type
    users[event.aggregate_id] = user
    return state
  end,
}
