"""What was done to the training data: wrong labels and planted triggers."""
