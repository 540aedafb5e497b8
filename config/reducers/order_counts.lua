-- How many order events carried each status: {"by_status": {"confirmed": 1, "pending": 2}}.
-- Events are counted, not orders: an order that was pending and then confirmed counts once under each.
return {
  events = { category = "order" },
  reduce = function(state, event)
    state.by_status = state.by_status or {}
    local counts = state.by_status
    local status = event.data.status
    if status == nil then status = "unknown" end
    status = tostring(status)  -- a key is a string, also for a status that is a number, a boolean or null
    counts[status] = (counts[status] or 0) + 1
    return state
  end,
}
