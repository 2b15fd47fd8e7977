"""What users decide: pure functions of parameters and draws."""
