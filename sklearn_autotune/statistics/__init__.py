"""What a search may say of its scores: intervals, and rules that choose the winner."""
