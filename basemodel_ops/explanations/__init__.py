"""What each part of a history adds to a score: Owen values over a tree of its events."""

from basemodel_ops.explanations.faithfulness import Faithfulness, faithfulness
from basemodel_ops.explanations.owen import Explanation, Score, Share, explain
from basemodel_ops.explanations.tree import Node, split

__all__ = ["Explanation", "Faithfulness", "Node", "Score", "Share", "explain", "faithfulness", "split"]
