-- The stock of one product at a moment, for temporal queries (`evctl state widget-A --reducer inventory --at 5`):
-- {"quantity": 100}. It takes whatever events it is given and keeps the plain sum, which may be negative.
return {
  reduce = function(state, event)
    local quantity = state.quantity or 0
    if event.event_type == "stock_added" then
      quantity = quantity + (event.data.quantity or 0)
    elseif event.event_type == "stock_removed" then
      quantity = quantity - (event.data.quantity or 0)
    end
    return { quantity = quantity }
  end,
}
