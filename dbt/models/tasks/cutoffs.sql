{{ cutoffs(ref('purchases'), 'purchased_at', var('grid_start'), var('grid_now', none)) }}
