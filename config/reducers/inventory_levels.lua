-- How much of each product is in stock: {"products": {"widget-A": 97}}. Stock never falls below nothing: what is
-- removed beyond it is forgotten.
return {
  events = { category = "inventory" },
  reduce = function(state, event)
    state.products = state.products or {}
    local levels = state.products
    local current = levels[event.aggregate_id] or 0
    local quantity = event.data.quantity or 0
    if event.event_type == "stock_added" then
      levels[event.aggregate_id] = current + quantity
    elseif event.event_type == "stock_removed" then
      levels[event.aggregate_id] = math.max(0, current - quantity)
    end
    return state
  end,
}
