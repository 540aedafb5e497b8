return {
  reduce = function(state, event)
    state.id = event.event_id
    state.data = event.data
    return state
  end,
}
