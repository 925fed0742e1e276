"""What a run would make, whether it fits into memory and on the disk, and which models are due."""
