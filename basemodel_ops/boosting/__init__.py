"""Boosting: small boosted models over the targets that the network learns, for data of modest size.

Its names are imported from its modules: who asks for folds loads no boosting.
"""
