return {
  initial = function() return { total = 0, by_type = {} } end,
  reduce = function(state, event)
    state.total = state.total + 1
    state.by_type[event.event_type] = (state.by_type[event.event_type] or 0) + 1
    return state
  end,
}
