{{ cutoffs(ref('ratings'), 'rated_at', var('grid_start'), var('grid_now')) }}
