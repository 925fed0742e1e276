{{ cutoffs(ref('web_events'), 'happened_at', var('grid_start'), var('grid_now')) }}
