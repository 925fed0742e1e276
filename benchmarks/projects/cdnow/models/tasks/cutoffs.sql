{{ cutoffs(ref('orders'), 'ordered_at', var('grid_start'), var('grid_now')) }}
