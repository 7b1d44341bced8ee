"""What happens when the inputs are not what the model was trained on, or are asked in another way."""
